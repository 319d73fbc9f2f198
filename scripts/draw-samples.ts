/**
 * Draws the demonstration's pictures into `samples/`: `npx tsx scripts/draw-samples.ts`.
 *
 * Each picture carries its scene's truth in its metadata (EXIF `ImageDescription`), from which the simulator answers.
 * The same version of sharp draws the same bytes.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { sceneText, type Scene } from '../src/simulator/scene.ts';
import { SAMPLES, type Sample } from './samples/scenes.ts';
import { streetSvg } from './samples/street.ts';

const folder = fileURLToPath(new URL('../samples/', import.meta.url));

const sceneOfSample = (sample: Sample): Scene => ({
  scene: 1,
  place: sample.place,
  people: sample.people,
  vehicles: sample.away + sample.coming + sample.wrongWay,
  parkedInNoParking: sample.parkedAtSign,
  garbageBags: sample.bags,
  garbageHeaps: sample.heaps,
  potholes: sample.potholes,
  wrongWay: sample.wrongWay,
});

async function draw(sample: Sample): Promise<Buffer> {
  const picture = sharp(Buffer.from(streetSvg(sample)))
    .flatten()
    .withExif({ IFD0: { ImageDescription: sceneText(sceneOfSample(sample)) } });
  switch (sample.format) {
    case 'jpg':
      return picture.jpeg({ quality: 80, mozjpeg: true }).toBuffer();
    case 'png':
      return picture.png({ palette: true, colours: 128, compressionLevel: 9, effort: 10 }).toBuffer();
    case 'webp':
      return picture.webp({ quality: 80, effort: 6 }).toBuffer();
  }
}

await mkdir(folder, { recursive: true });
for (const name of await readdir(folder)) {
  if (/\.(jpg|png|webp)$/.test(name)) await rm(join(folder, name));
}
let total = 0;
for (const sample of SAMPLES) {
  const bytes = await draw(sample);
  const name = `${sample.camera}_${sample.taken}.${sample.format}`;
  await writeFile(join(folder, name), bytes);
  total += bytes.length;
  console.log(`${name}: ${sample.size.join(' × ')}, ${(bytes.length / 1024).toFixed(1)} KB`);
}
console.log(`${SAMPLES.length} pictures, ${(total / 1024).toFixed(0)} KB`);
