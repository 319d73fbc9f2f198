import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { plain, redact } from '../../src/shared/redact.ts';

const SIGNATURE = 'c0ffee'.repeat(80);
const SIGNED =
  'https://storage.googleapis.com/city/a%20b.jpg?X-Goog-Algorithm=GOOG4-RSA-SHA256' +
  `&X-Goog-Credential=sa%40p.iam.gserviceaccount.com%2F20251125&X-Goog-Date=20251125T000000Z&X-Goog-Signature=${SIGNATURE}`;

describe('redact', () => {
  const secrets: [string, string, string][] = [
    ['signed URL', `Timeout while downloading ${SIGNED}.`, SIGNATURE],
    ['credential in a signed URL', `Timeout while downloading ${SIGNED}.`, 'sa%40p'],
    ['signed URL in JSON', JSON.stringify({ url: SIGNED }), SIGNATURE],
    ['signed URL with escaped ampersands', SIGNED.replaceAll('&', '\\u0026'), SIGNATURE],
    ['signed URL encoded in another', `https://x.example/get?u=${encodeURIComponent(SIGNED)}`, SIGNATURE],
    ['signature alone', `…ogle-Date=1&X-Goog-Signature=abcdef0123 was refused`, 'abcdef0123'],
    ['rest of a torn signature', `…${SIGNATURE.slice(0, 200)}`, SIGNATURE.slice(0, 100)],
    ['AWS', 'https://b.s3.amazonaws.com/k?AWSAccessKeyId=AKIAX&Signature=q1w2e3%2B&Expires=1', 'q1w2e3'],
    ['AWS V4', 'https://b.s3.amazonaws.com/k?X-Amz-Security-Token=tok1234&X-Amz-Signature=beef99', 'beef99'],
    ['Azure SAS', 'https://a.blob.core.windows.net/c/b?sv=2020&sig=Zm9vYmFy%3D', 'Zm9vYmFy'],
    [
      'V2 signing',
      'https://storage.googleapis.com/b/o?GoogleAccessId=me@x&Expires=1&Signature=AbCd12',
      'AbCd12',
    ],
    ['key', 'Incorrect: sk-proj-abcDEF_123-xyz.', 'abcDEF'],
    ['masked key', 'Incorrect API key provided: canary-k****1234. You can', 'canary-k'],
    ['masked OpenAI key', 'Wrong key sk-abcd*****wxyz', 'wxyz'],
    ['header', '{"Authorization": "Bearer topsecretvalue"}', 'topsecretvalue'],
    ['header line', 'authorization: Basic dXNlcjpwYXNz', 'dXNlcjpwYXNz'],
    ['bearer', 'sent Bearer abc.def-123456', 'abc.def'],
    ['user in a URL', 'connect http://bob:hunter2@proxy:80/ failed', 'hunter2'],
    ['private key', '-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----', 'MIIEvQ'],
    ['Google token', 'token ya29.a0Af_xyz-1', 'a0Af_xyz'],
    ['short data URL', 'bad data:image/jpeg;base64,/9j/4AAQ==', '/9j/4AAQ'],
    ['long base64', `image ${'QUJD'.repeat(200)} is bad`, 'QUJDQUJD'],
  ];
  test.each(secrets)('%s', (_name, text, secret) => {
    const result = redact(text);
    expect(result).not.toContain(secret);
    expect(result).toMatch(/\[redacted\]|\[\d+ characters\]|http:\/\/proxy/);
  });

  test('keeps what a person needs', () => {
    expect(redact(`Timeout while downloading ${SIGNED}.`)).toBe(
      'Timeout while downloading https://storage.googleapis.com/city/a%20b.jpg?[redacted]',
    );
    expect(
      redact('See https://platform.openai.com/docs?lang=en for the data:image/png;base64,AAAA form.'),
    ).toBe('See https://platform.openai.com/docs?lang=en for the data:image/png;base64,[4 characters] form.');
    const limit =
      'Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000.';
    expect(redact(limit)).toBe(limit);
  });

  test('takes out the given secrets, also percent-encoded, and leaves short ones', () => {
    expect(redact('key=a/b+c==d and a%2Fb%2Bc%3D%3Dd', ['a/b+c==d'])).not.toMatch(/b\+c|b%2Bc/);
    expect(redact('no one knows', ['no', ''])).toBe('no one knows');
    expect(redact('the can\u0000ary-\u001b[0m5f7e key', ['canary-5f7e'])).toBe('the [redacted] key');
  });

  test('no text makes it throw, grow over the cap or reveal the secret', () => {
    const secret = 'canary-5f7e1c9d';
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        const result = redact(`${a}${secret}${b}`, [secret], 200);
        expect(result).not.toContain(secret);
        expect(result.length).toBeLessThanOrEqual(200);
      }),
    );
  });

  test('megabytes of bait are read in no time', () => {
    for (const bait of [
      'https://a',
      'data:',
      'Bearer ',
      '-----BEGIN A-----',
      'X-Goog-Signature=',
      '\u001b]',
      '%26',
    ]) {
      const start = performance.now();
      redact(bait.repeat(1_000_000 / bait.length));
      expect(performance.now() - start).toBeLessThan(1_000);
    }
  });
});

describe('plain', () => {
  test.each([
    ['colours', '\u001b[31mred\u001b[0m', 'red'],
    ['title of the window', '\u001b]0;owned\u0007text', 'text'],
    ['link', '\u001b]8;;http://evil\u001b\\click\u001b]8;;\u001b\\', 'click'],
    ['one-character CSI', '\u009b2Jgone', 'gone'],
    ['reset', '\u001bcclear', 'clear'],
    ['lines become spaces', 'a\r\nb\tc\u2028d', 'a b c d'],
    ['controls', 'a\u0000b\u0008c\u007fd\u0085e', 'abcde'],
    ['turned reading direction', 'photo\u202egpj.exe', 'photogpj.exe'],
    ['isolates', 'a\u2066b\u2069c', 'abc'],
    ['hidden tags', 'a\u{e0041}b', 'ab'],
    ['lone surrogate', 'a\ud800b', 'a\ufffdb'],
    ['Telugu and emoji stay', 'లాలాపేట క్‌ష 👨‍👩‍👧', 'లాలాపేట క్‌ష 👨‍👩‍👧'],
  ])('%s', (_name, text, expected) => {
    expect(plain(text, 100)).toBe(expected);
  });

  test('cuts with an ellipsis, never inside a character', () => {
    expect(plain('abcdef', 6)).toBe('abcdef');
    expect(plain('abcdefg', 6)).toBe('abcde…');
    expect(plain('aaaa😀bb', 6)).toBe('aaaa…');
  });

  test('leaves no control character of any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const result = plain(text, 1_000);
        expect(result).not.toMatch(/[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u);
        expect(plain(result, 1_000)).toBe(result);
      }),
    );
  });
});
