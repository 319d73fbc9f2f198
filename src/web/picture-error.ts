export type PictureErrorKind = 'gone' | 'changed' | 'outside' | 'unreadable' | 'unreachable';

const STATUS = { gone: 404, outside: 404, changed: 409, unreadable: 422, unreachable: 502 } as const;

/**
 * A picture that cannot be shown. The message is for a person; it holds no signature and nothing of the picture.
 *
 * `gone`: it was removed. `changed`: another one took its place, which the run has not seen. `outside`: it does not lie
 * in the run's source. `unreadable`: its content is no picture, or a damaged or too large one. `unreachable`: the
 * source does not answer, or not to us.
 */
export class PictureError extends Error {
  override readonly name = 'PictureError';
  readonly kind: PictureErrorKind;
  /** The HTTP status that says the same. */
  readonly status: 404 | 409 | 422 | 502;

  constructor(kind: PictureErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
    this.status = STATUS[kind];
  }
}
