import { NativeConnection } from '@temporalio/worker';
import type { Config } from '../config.ts';
import { openConnection } from '../connection/open.ts';
import { connectionSettings } from '../connection/options.ts';
import { ConnectionError } from '../connection/problem.ts';

/** A client that looks for the reason connects in less. */
const CONNECT_MS = 5_000;

/**
 * The worker's connection, made as every client's is. Throws a `ConnectionError` that says what is wrong and how to mend
 * it, or a `SettingError`; the SDK's own error names neither, so a client goes the same way once more.
 */
export async function openNativeConnection(
  config: Pick<Config, 'access' | 'namespace'>,
  address: string,
): Promise<NativeConnection> {
  const settings = connectionSettings(config, address);
  let failure: unknown;
  try {
    return await NativeConnection.connect(settings);
  } catch (error) {
    failure = error;
  }
  const client = await openConnection(config, address, CONNECT_MS);
  await client.close();
  // The two have lists of public authorities of their own, and only Node's is added to by NODE_EXTRA_CA_CERTS.
  throw new ConnectionError(
    {
      found: `A client connects to ${address}, and a worker does not.`,
      remedy:
        "Name who signed the server's certificate also where Node knows it already, for example " +
        'TEMPORAL_TLS_SERVER_CA_CERT_PATH=ca.pem; if the server has just started, start the worker again.',
    },
    { cause: failure },
  );
}
