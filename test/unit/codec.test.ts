import { createSecretKey, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { ApplicationFailure, defaultPayloadConverter, type Payload } from '@temporalio/common';
import protocol from '@temporalio/proto';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { CodecError, createCodec } from '../../src/codec/codec.ts';
import { codecFingerprint, createDataConverter } from '../../src/codec/data-converter.ts';
import { failureConverter } from '../../src/codec/failure-converter.ts';
import { readKeys, type CodecKey } from '../../src/codec/keys.ts';
import { compareSettings, workerSettings } from '../../src/client/engine/settings.ts';
import { readConfig, SettingError, type Config } from '../../src/config.ts';
import { cutToBytes, SUMMARY_BYTES } from '../../src/shared/cut.ts';

const keyOf = (id: string): CodecKey => ({ id, key: createSecretKey(randomBytes(32)) });
const OLD = keyOf('2025');
const NEW = keyOf('2026');
const codec = createCodec([NEW]);

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const payloadOf = (value: unknown): Payload => defaultPayloadConverter.toPayload(value);
const valueOf = (payload: Payload | undefined): unknown =>
  payload && defaultPayloadConverter.fromPayload(payload);

const proto = protocol.temporal.api.common.v1.Payload;
/** As it comes back: protocol buffers know no difference between nothing and an empty text. */
const wire = (payload: Payload | undefined): string =>
  Buffer.from(proto.encode(payload ?? {}).finish()).toString('hex');

async function encrypted(value: unknown, by = codec): Promise<Payload> {
  const [payload] = await by.encode([payloadOf(value)]);
  return payload ?? {};
}

/** The payload with one bit of its data turned. */
function turned(payload: Payload, bit: number): Payload {
  const data = Buffer.from(payload.data ?? []);
  data.writeUInt8(data.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return { ...payload, data };
}

describe('what is encrypted', () => {
  test('comes back as it was, whatever it was, and shows nothing but encoding and key', async () => {
    const anyPayload = fc.record({
      metadata: fc.dictionary(fc.string(), fc.uint8Array({ maxLength: 40 })),
      data: fc.uint8Array({ maxLength: 2_000 }),
    });
    const law = fc.asyncProperty(fc.array(anyPayload, { maxLength: 5 }), async (payloads) => {
      const hidden = await codec.encode(payloads);
      expect(hidden.map(({ metadata }) => Object.keys(metadata ?? {}))).toEqual(
        payloads.map(() => ['encoding', 'encryption-key-id']),
      );
      expect((await codec.decode(hidden)).map(wire)).toEqual(payloads.map(wire));
    });
    await fc.assert(law, { numRuns: 200 });
  });

  test('holds no trace of the text, and is never the same twice', async () => {
    const text = 'A man in a red coat walks past the clock tower.';
    const first = await encrypted({ text });
    const second = await encrypted({ text });
    expect(Buffer.from(first.data ?? []).includes('red coat')).toBe(false);
    expect(wire(first)).not.toBe(wire(second));
    expect(valueOf((await codec.decode([first]))[0])).toEqual({ text });
  });

  test('may be as large as Temporal allows, and grows by little', async () => {
    const value = 'x'.repeat(2_000_000);
    const hidden = await encrypted(value);
    expect((hidden.data?.length ?? 0) - value.length).toBeLessThan(100);
    expect(valueOf((await codec.decode([hidden]))[0])).toBe(value);
  });

  test('fits as a summary into the server’s 400 bytes, under the longest key id too', async () => {
    const longest = createCodec([keyOf('k'.repeat(32))]);
    for (const letter of ['x', 'ක', '"', '\u0001', '😀']) {
      const summary = cutToBytes(letter.repeat(500), SUMMARY_BYTES);
      expect(proto.encode(await encrypted(summary, longest)).finish().length).toBeLessThanOrEqual(400);
    }
  });

  test('is refused when any bit of it was changed', async () => {
    const hidden = await encrypted('ordinary');
    const bits = (hidden.data?.length ?? 0) * 8;
    for (let bit = 0; bit < bits; bit += 1) {
      await expect(codec.decode([turned(hidden, bit)])).rejects.toThrow(CodecError);
    }
  });

  test.each([0, 1, 28])('is refused when only %i bytes are left', async (length) => {
    const hidden = await encrypted('ordinary');
    await expect(
      codec.decode([{ ...hidden, data: hidden.data?.subarray(0, length) ?? null }]),
    ).rejects.toThrow(CodecError);
  });

  test('is refused under the name of another key, though both are there', async () => {
    const hidden = await encrypted('ordinary');
    const renamed = { ...hidden, metadata: { ...hidden.metadata, 'encryption-key-id': bytes('2025') } };
    await expect(createCodec([NEW, OLD]).decode([renamed])).rejects.toThrow(
      /does not open with the key "2025"/,
    );
  });

  test('says of a form that a later version wrote that it is one', async () => {
    const hidden = await encrypted('ordinary');
    await expect(codec.decode([turned(hidden, 1)])).rejects.toThrow(/form 3.*newer/);
  });
});

describe('keys', () => {
  test('are exchanged without a gap: the first one encrypts, all decrypt', async () => {
    const before = createCodec([OLD]);
    const added = createCodec([OLD, NEW]);
    const turnedRound = createCodec([NEW, OLD]);
    const old = await encrypted('old', added);
    const fresh = await encrypted('fresh', turnedRound);
    expect(valueOf((await before.decode([old]))[0])).toBe('old');
    for (const both of [added, turnedRound]) {
      expect((await both.decode([old, fresh])).map(valueOf)).toEqual(['old', 'fresh']);
    }
    await expect(createCodec([NEW]).decode([old])).rejects.toThrow(CodecError);
  });

  test('that are not there are named, with the remedy, and nothing of the payload', async () => {
    const hidden = await encrypted('a secret');
    for (const without of [createCodec([]), createCodec([OLD])]) {
      const error: unknown = await without.decode([hidden]).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(CodecError);
      expect(String(error)).toMatch(/the key "2026", which this process does not have\. .*CODEC_KEYS_FILE/);
    }
  });

  test('named by a stranger are shown escaped and short', async () => {
    const id = bytes(`\u001b[2J${'x'.repeat(10_000)}`);
    const hidden = {
      ...(await encrypted('x')),
      metadata: { encoding: bytes('binary/encrypted'), 'encryption-key-id': id },
    };
    const error: unknown = await codec.decode([hidden]).catch((reason: unknown) => reason);
    expect(String(error)).not.toContain('\u001b');
    expect(String(error).length).toBeLessThan(400);
  });

  test('show nothing of themselves', () => {
    const secret = NEW.key.export();
    for (const shown of [inspect(NEW, { depth: 9, showHidden: true }), JSON.stringify(NEW)]) {
      expect(shown).not.toContain(secret.toString('base64').slice(0, 8));
      expect(shown).not.toContain(secret.toString('hex').slice(0, 8));
    }
  });
});

test('payloads that are not encrypted pass, so that histories begun before the keys go on', async () => {
  const clear = [payloadOf('plain'), payloadOf(undefined), payloadOf(bytes('bytes')), {}];
  expect(await codec.decode(clear)).toEqual(clear);
  expect(await createCodec([]).encode(clear)).toEqual(clear);
});

test('a failure’s message and stack, and those of its causes, are in payloads alone', async () => {
  const cause = new Error('the cause names a face');
  const error = ApplicationFailure.create({ message: 'the message names a face', type: 'Refused', cause });
  const failure = failureConverter.errorToFailure(error, defaultPayloadConverter);
  const clear = JSON.stringify({
    ...failure,
    encodedAttributes: null,
    cause: { ...failure.cause, encodedAttributes: null },
  });
  expect(clear).not.toContain('face');
  expect(clear).not.toContain('codec.test');
  expect(clear).toContain('Refused');
  const [hidden] = await codec.encode([failure.encodedAttributes ?? {}]);
  const [again] = await codec.decode([hidden ?? {}]);
  expect(valueOf(again)).toMatchObject({ message: 'the message names a face' });
});

describe('the keys’ file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'codec-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'codec-keys');
  const write = (text: string, mode = 0o600): string => {
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };
  const base64 = randomBytes(32).toString('base64');
  const other = randomBytes(32).toString('base64');

  test('is read line by line, the first key first', () => {
    const keys = readKeys(write(`# the newest first\n\n2026-11:${base64}\r\n  old.key_1 : ${other}\n`));
    expect(keys.map(({ id, key }) => [id, key.export().toString('base64')])).toEqual([
      ['2026-11', base64],
      ['old.key_1', other],
    ]);
  });

  test.each([
    ['nothing', '', 'no key'],
    ['comments alone', '# nothing\n', 'no key'],
    ['a key without an id', base64, 'line 1'],
    ['an empty id', `:${base64}`, 'line 1'],
    ['a long id', `${'k'.repeat(33)}:${base64}`, 'line 1'],
    ['an id with a space', `a b:${base64}`, 'line 1'],
    ['a key of 16 bytes', `a:${randomBytes(16).toString('base64')}`, 'line 1'],
    ['a key in hexadecimal digits', `a:${randomBytes(32).toString('hex')}`, 'line 1'],
    ['a key that was cut', `a:${other}\nb:${base64.slice(1)}`, 'line 2'],
    ['a key with a typing mistake', `a:!${base64.slice(1)}`, 'line 1'],
    ['a part too many', `a:${base64}:b`, 'line 1'],
    ['an id twice', `a:${base64}\na:${other}`, 'line 2'],
    ['far more than keys', `a:${base64}\n`.repeat(2_000), 'bytes'],
  ])('with %s is refused, and nothing of it is shown', (_what, text, told) => {
    const read = (): unknown => readKeys(write(text));
    expect(read).toThrow(SettingError);
    expect(read).toThrow(`CODEC_KEYS_FILE is ${path}`);
    expect(read).toThrow(told);
    try {
      read();
    } catch (error) {
      for (const secret of [base64, other]) expect(String(error)).not.toContain(secret.slice(1, 12));
    }
  });

  test.each([0o644, 0o640 | 0o020, 0o604, 0o602])('that others may use (mode %o) is refused', (mode) => {
    expect(() => readKeys(write(`a:${base64}`, mode))).toThrow(/chmod 600/);
  });

  test('that is not there, or is a folder, is refused with the remedy', () => {
    expect(() => readKeys(join(folder, 'none'))).toThrow(/no such file.*openssl rand -base64 32/);
    expect(() => readKeys(folder)).toThrow(SettingError);
  });

  test('makes a converter that hides failures too; without it nothing is hidden, and what is hidden is refused', async () => {
    const keyed = createDataConverter({ codecKeysFile: write(`a:${base64}`) });
    expect(keyed.failureConverterPath).toMatch(/failure-converter\.ts$/);
    const [hidden] = (await keyed.payloadCodecs?.[0]?.encode([payloadOf('x')])) ?? [];
    const plain = createDataConverter({ codecKeysFile: null });
    expect(plain.failureConverterPath).toBeUndefined();
    expect(await plain.payloadCodecs?.[0]?.encode([payloadOf('x')])).toEqual([payloadOf('x')]);
    await expect(plain.payloadCodecs?.[0]?.decode([hidden ?? {}])).rejects.toThrow(/the key "a"/);
  });

  test('has a fingerprint that tells other keys, and another order of them', () => {
    const mark = (text: string, secret = 'token'): string =>
      codecFingerprint({ codecKeysFile: write(text) }, secret);
    const both = mark(`a:${base64}\nb:${other}`);
    expect(mark(`# as before\na:${base64}\nb:${other}\n`)).toBe(both);
    expect(mark(`b:${other}\na:${base64}`)).not.toBe(both);
    expect(mark(`a:${base64}`)).not.toBe(both);
    expect(mark(`a:${base64}\nb:${other}`, 'another')).not.toBe(both);
    expect(codecFingerprint({ codecKeysFile: null }, 'token')).toBe('');
  });

  test('joins no engine that has other keys', () => {
    const config = (text: string): Config => readConfig({ CODEC_KEYS_FILE: write(text) }, folder);
    const running = workerSettings(config(`a:${base64}`), 'token');
    const compared = (text: string): string[] =>
      compareSettings(workerSettings(config(text), 'token'), running).must;
    expect(compared(`a:${base64}`)).toEqual([]);
    expect(compared(`a:${other}`)).toEqual(['CODEC_KEYS_FILE']);
    expect(compareSettings(workerSettings(readConfig({}, folder), 'token'), running).must).toEqual([
      'CODEC_KEYS_FILE',
    ]);
    expect(JSON.stringify(running)).not.toContain(base64);
  });
});
