import type { ServerIdentity } from './types.ts';

/** Key in the data of the embedded server's namespace. Its value outlives the database: it names the data folder. */
export const SERVER_DATA_KEY = 'image-analysis.server';

/** The part of Temporal's workflow service that tells one server from another. */
export interface NamespaceService {
  describeNamespace(request: { namespace: string }): Promise<{
    namespaceInfo?: { id?: string | null; data?: Record<string, string> | null } | null;
  }>;
}

/**
 * Which server a client or a worker is connected to, in a form that does not depend on the address by which it is
 * reached: the ID that the server gave the namespace when it was made, or what the embedded engine wrote into it.
 *
 * @param label - What a person knows a server by that is not the embedded one.
 */
export async function serverIdentity(
  service: NamespaceService,
  namespace: string,
  label: string,
): Promise<ServerIdentity> {
  const { namespaceInfo } = await service.describeNamespace({ namespace });
  const embedded = namespaceInfo?.data?.[SERVER_DATA_KEY];
  if (embedded !== undefined) return { id: embedded, label: embedded };
  return { id: namespaceInfo?.id ?? label, label };
}
