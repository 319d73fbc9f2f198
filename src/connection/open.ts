import { Connection } from '@temporalio/client';
import { type Config, SettingError } from '../config.ts';
import { isDenied } from './grpc.ts';
import { connectionSettings } from './options.ts';
import { ConnectionError, connectionProblem, denied } from './problem.ts';

/** A call by which credentials are tried. */
const TRY_MS = 5_000;

/**
 * Connects a client to a server as the settings say, and tries the credentials at the namespace, since a server may
 * greet whoever comes. Throws a {@link ConnectionError} that says what is wrong and how to mend it, or a `SettingError`.
 */
export async function openConnection(
  config: Pick<Config, 'access' | 'namespace'>,
  address: string,
  connectTimeout: number,
): Promise<Connection> {
  const settings = connectionSettings(config, address);
  let connection: Connection;
  try {
    connection = await Connection.connect({ ...settings, connectTimeout });
  } catch (error) {
    throw new ConnectionError(await connectionProblem(config, address, error), { cause: error });
  }
  const { apiKey, clientCert, headers } = config.access;
  if (apiKey === null && clientCert === null && Object.keys(headers).length === 0) return connection;
  try {
    await connection.withDeadline(Date.now() + TRY_MS, () =>
      connection.workflowService.describeNamespace({ namespace: config.namespace }),
    );
  } catch (error) {
    // Any other failure is told by what asks next, and better.
    if (isDenied(error)) {
      await connection.close();
      throw new ConnectionError(denied(config, address, error), { cause: error });
    }
  }
  return connection;
}

/** As {@link openConnection} where a failure means that there is none now; a wrong setting is told all the same. */
export async function tryConnection(
  config: Pick<Config, 'access' | 'namespace'>,
  address: string,
  connectTimeout: number,
): Promise<Connection | null> {
  try {
    return await openConnection(config, address, connectTimeout);
  } catch (error) {
    if (error instanceof SettingError) throw error;
    return null;
  }
}
