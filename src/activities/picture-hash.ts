import { createHash } from 'node:crypto';

/** A picture's address as 64 hexadecimal digits: where its answers and its tombstones are looked up, without a name. */
export const pictureHash = (uri: string): string => createHash('sha256').update(uri).digest('hex');
