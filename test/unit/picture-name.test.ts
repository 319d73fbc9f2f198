import fc from 'fast-check';
import { expect, test } from 'vitest';
import { placeInName } from '../../src/shared/picture-name.ts';

const TIME = '2025-11-25T11:21:43';
const LALAPET = 'LANCHESTER_ROAD_PONNURU_RD._SIDE_LALAPET_10_246_8_9';

test.each<[string, string | null, string | null]>([
  [`${LALAPET}_20251125_112143.jpg`, LALAPET, TIME],
  [`2025-11-25/${LALAPET}_20251125_112143.jpg`, LALAPET, TIME],
  ['cam-7-2025-11-25T11-21-43.jpg', 'cam-7', TIME],
  ['cam7_2025-11-25_11-21-43.jpeg', 'cam7', TIME],
  ['cam7 2025.11.25 11.21.43.png', 'cam7', TIME],
  ['cam7_2025-11-25T11:21:43.jpg', 'cam7', TIME],
  ['cam7_2025_11_25_11_21_43.jpg', 'cam7', TIME],
  ['cam7-20251125112143.jpg', 'cam7', TIME],
  ['cam7_20251125_112143_0001.jpg', 'cam7', TIME],
  ['cam7_2025-11-25T11-21-43.123Z.jpg', 'cam7', TIME],
  ['PXL_20251125_112143123.jpg', null, TIME],
  ['IMG_20251125_112143.jpg', null, TIME],
  ['phone/IMG_20251125_112143.jpg', 'phone', TIME],
  ['city/cam7/20251125_112143.jpg', 'cam7', TIME],
  ['cam7/2025-11-25T11-21-43.jpg', 'cam7', TIME],
  ['2025-11-25/20251125_112143.jpg', null, TIME],
  ['20251125_112143.jpg', null, TIME],
  // Who asks for `none` asks for pictures without a camera.
  ['none_20251125_112143.jpg', null, TIME],
  ['none/20251125_112143.jpg', null, TIME],
  ['పొన్నూరు_20251125_112143.jpg', 'పొన్నూరు', TIME],
  // The last time that a clock can show.
  ['from_20240101_000000_20251125_112143.jpg', 'from_20240101_000000', TIME],
  ['cam_20251125_112143_20259999_999999.jpg', 'cam', TIME],
  ['cam_20240229_235959.jpg', 'cam', '2024-02-29T23:59:59'],
  // No clock shows these.
  ['cam_20250229_112143.jpg', null, null],
  ['cam_20251325_112143.jpg', null, null],
  ['cam_20251100_112143.jpg', null, null],
  ['cam_20251125_242143.jpg', null, null],
  ['cam_20251125_116043.jpg', null, null],
  ['cam_20251125_112160.jpg', null, null],
  ['cam_18251125_112143.jpg', null, null],
  // Parts of longer numbers, a day alone, and nothing at all.
  ['cam_120251125_112143.jpg', null, null],
  ['cam_20251125_1121439.jpg', null, null],
  ['cam_20251125.jpg', null, null],
  ['cam7/0001.jpg', null, null],
  ['20251125_112143/photo.jpg', null, null],
  ['holiday.jpg', null, null],
  ['', null, null],
])('%s', (name, camera, time) => {
  expect(placeInName(name)).toEqual({ camera, time });
});

test('whatever the camera and the time, each way of writing them is read back', () => {
  const camera = fc
    .stringMatching(/^[A-Z][A-Za-z0-9._ -]{0,30}[a-z]$/)
    .filter((name) => !/^(img|dsc|dcim|pxl|vid|pic)/i.test(name));
  const time = fc
    .date({
      min: new Date('1970-01-01T00:00:00Z'),
      max: new Date('2099-12-31T23:59:59Z'),
      noInvalidDate: true,
    })
    .map((date) => date.toISOString().slice(0, 19));
  const writings: ((time: string) => string)[] = [
    (time) => time.replace(/[-:]/g, '').replace('T', '_'),
    (time) => time.replaceAll(':', '-'),
    (time) => time.replace(/[-:T]/g, ''),
    (time) => time.replace('T', ' '),
    (time) => time.replace(/[-:T]/g, '_'),
  ];
  fc.assert(
    fc.property(camera, time, fc.constantFrom(...writings), (camera, time, write) => {
      expect(placeInName(`a folder/${camera}_${write(time)}.jpg`)).toEqual({ camera, time });
      expect(placeInName(`${camera}/${write(time)}.jpg`)).toEqual({ camera, time });
    }),
  );
});

test('no name is too strange', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      const { camera, time } = placeInName(name);
      expect(time === null ? camera === null : !Number.isNaN(Date.parse(`${time}Z`))).toBe(true);
    }),
  );
});
