/** gRPC's status codes, as far as they are told apart here. */
export const GRPC: Readonly<
  Record<'invalidArgument' | 'notFound' | 'permissionDenied' | 'unimplemented' | 'unauthenticated', number>
> = { invalidArgument: 3, notFound: 5, permissionDenied: 7, unimplemented: 12, unauthenticated: 16 };

const isGrpc = (error: unknown): error is Error & { code: number; details?: unknown } =>
  error instanceof Error && 'code' in error && typeof error.code === 'number';

/** −1 for any other error. `Connection.connect` wraps the one that it got. */
export function grpcCode(error: unknown): number {
  for (let at = error; at instanceof Error; at = at.cause) if (isGrpc(at)) return at.code;
  return -1;
}

/** Whether the server does not let this program do what it asked. */
export const isDenied = (error: unknown): boolean =>
  [GRPC.permissionDenied, GRPC.unauthenticated].includes(grpcCode(error));

/** The server's own words, without the full stop. */
export function messageOfGrpc(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (isGrpc(at) && typeof at.details === 'string' && at.details !== '')
      return at.details.replace(/\.$/, '');
  }
  return String(error).replace(/\.$/, '');
}
