import pino from 'pino';
import pretty from 'pino-pretty';
import type { DestinationStream, Logger } from 'pino';
import { printableJson } from './shared/redact.ts';

export type { Logger } from 'pino';

/** Fields that may hold a secret, wherever an object with them is logged. Message texts are redacted by their writers. */
const SECRET_FIELDS = [
  'apiKey',
  'notifySecret',
  'authorization',
  'Authorization',
  'token',
  'signedUrl',
  'imageUrl',
  'image_url',
];

export interface LoggerOptions {
  level: string;
  destination: NodeJS.WritableStream;
  /** Readable lines for a person; otherwise one JSON object a line. */
  pretty: boolean;
}

/**
 * Structured log. Lines are written in the caller's thread, so that the last ones before an exit are not lost.
 * Deliberately adds no host name and no process id: a worker's identity says both.
 */
export function createLogger({ level, destination, pretty: readable }: LoggerOptions): Logger {
  const stream: DestinationStream = readable
    ? pretty({ destination, colorize: isTerminal(destination), translateTime: 'SYS:HH:MM:ss', sync: true })
    : { write: (line: string) => void destination.write(line) };
  return pino(
    {
      level,
      base: null,
      hooks: { streamWrite: readable ? withoutControl : printableJson },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (name: string) => ({ level: name }) },
      redact: {
        paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
        censor: '[redacted]',
      },
    },
    stream,
  );
}

/** For the pretty printer, which writes what JSON had escaped: each control character becomes U+FFFD. */
const withoutControl = (json: string): string =>
  printableJson(json).replace(/(\\\\)|\\u[\da-f]{4}/g, (_, pair?: string) => pair ?? '\ufffd');

const isTerminal = (stream: NodeJS.WritableStream): boolean => 'isTTY' in stream && stream.isTTY === true;
