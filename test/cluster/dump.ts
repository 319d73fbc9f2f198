import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type DataFolder, singleUser } from './images.ts';

/** Every table of a database but the system's own, as its values lie in it: text and bytes, and neither of them quoted. */
const EVERY_TABLE = (folder: string): string =>
  "DO $$ DECLARE t record; BEGIN FOR t IN SELECT c.oid::regclass AS name, c.oid AS id FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') LOOP " +
  `EXECUTE format('COPY %s TO %L (FORMAT binary)', t.name, '${folder}/' || t.id); END LOOP; END $$`;

/** What all tables of some databases hold, by database. Their server must be down. */
export async function dumpOf(
  database: DataFolder,
  names: readonly string[],
): Promise<Record<string, { tables: number; bytes: Buffer }>> {
  const found: Record<string, { tables: number; bytes: Buffer }> = {};
  for (const name of names) {
    const folder = mkdtempSync(join(database.folder, 'dump-'));
    if (database.uid !== undefined) chownSync(folder, database.uid, database.uid);
    await singleUser(database, name, [EVERY_TABLE(folder)]);
    const files = readdirSync(folder);
    found[name] = {
      tables: files.length,
      bytes: Buffer.concat(files.map((file) => readFileSync(join(folder, file)))),
    };
    rmSync(folder, { recursive: true });
  }
  return found;
}
