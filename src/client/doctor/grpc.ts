/** gRPC's status codes, as far as a check tells them apart. */
export const GRPC: Readonly<
  Record<'notFound' | 'permissionDenied' | 'unimplemented' | 'unauthenticated', number>
> = { notFound: 5, permissionDenied: 7, unimplemented: 12, unauthenticated: 16 };

const isGrpc = (error: unknown): error is Error & { code: number; details?: unknown } =>
  error instanceof Error && 'code' in error && typeof error.code === 'number';

/** −1 for any other error. `Connection.connect` wraps the one that it got. */
export function grpcCode(error: unknown): number {
  for (let at = error; at instanceof Error; at = at.cause) if (isGrpc(at)) return at.code;
  return -1;
}

/** The server's own words, without the full stop. */
export const messageOfGrpc = (error: unknown): string => {
  const text =
    isGrpc(error) && typeof error.details === 'string' && error.details !== ''
      ? error.details
      : String(error);
  return text.replace(/\.$/, '');
};
