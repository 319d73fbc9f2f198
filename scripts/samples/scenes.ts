/** What is drawn on one sample, and how it is stored. The scene's truth is counted from it, never written by hand. */
export interface Sample {
  /** As the city names its cameras, with the camera's address. */
  camera: string;
  /** For the description: "LANCHESTER ROAD". */
  place: string;
  /** `20251125_112143`, local time of the camera. */
  taken: string;
  size: [width: number, height: number];
  format: 'jpg' | 'png' | 'webp';
  light: 'day' | 'haze' | 'dusk' | 'night';
  /** Vehicles in the left lanes, driving away, and in the right lanes, coming. */
  away: number;
  coming: number;
  /** Vehicles in the left lanes that come towards the camera. */
  wrongWay: number;
  /** Parked below a no-parking sign, and parked where nothing forbids it (no sign is drawn). */
  parkedAtSign: number;
  parked: number;
  people: number;
  bags: number;
  heaps: number;
  potholes: number;
}

const LALAPET = { camera: 'LANCHESTER_ROAD_PONNURU_RD._SIDE_LALAPET_10_246_8_9', place: 'Lanchester Road, Lalapet' };
const ARUNDELPET = { camera: 'SANKAR_VILAS_CENTRE_FLYOVER_SIDE_ARUNDELPET_10_246_8_14', place: 'Sankar Vilas Centre, Arundelpet' };
const MARKET = { camera: 'MARKET_CENTRE_CLOCK_TOWER_SIDE_10_246_9_21', place: 'Market Centre, clock tower side' };
const BUS_STAND = { camera: 'RTC_BUS_STAND_MAIN_GATE_10_246_7_3', place: 'the main gate of the bus stand' };
const COLLEGE = { camera: 'HINDU_COLLEGE_JN._KOTHAPET_10_246_8_30', place: 'Hindu College Junction, Kothapet' };

const FULL: [number, number] = [1920, 1080];
const HD: [number, number] = [1280, 720];
const D1: [number, number] = [704, 576];

const NOTHING = {
  away: 0,
  coming: 0,
  wrongWay: 0,
  parkedAtSign: 0,
  parked: 0,
  people: 0,
  bags: 0,
  heaps: 0,
  potholes: 0,
};

export const SAMPLES: Sample[] = [
  { ...NOTHING, ...LALAPET, taken: '20251125_073015', size: FULL, format: 'jpg', light: 'haze', away: 2, coming: 1, people: 2 },
  { ...NOTHING, ...LALAPET, taken: '20251125_112143', size: FULL, format: 'jpg', light: 'day', away: 9, coming: 6, people: 3 },
  { ...NOTHING, ...LALAPET, taken: '20251125_181207', size: FULL, format: 'webp', light: 'dusk', away: 2, coming: 3, wrongWay: 1, parkedAtSign: 1, people: 1 },
  { ...NOTHING, ...ARUNDELPET, taken: '20251125_090502', size: HD, format: 'jpg', light: 'day', away: 2, coming: 2, parkedAtSign: 3, people: 4 },
  { ...NOTHING, ...ARUNDELPET, taken: '20251125_134420', size: HD, format: 'webp', light: 'day', away: 1, coming: 2, potholes: 4, people: 1 },
  { ...NOTHING, ...ARUNDELPET, taken: '20251125_204955', size: HD, format: 'jpg', light: 'night', away: 7, coming: 5, people: 2 },
  { ...NOTHING, ...MARKET, taken: '20251125_064031', size: D1, format: 'png', light: 'haze', coming: 1, bags: 5, heaps: 1 },
  { ...NOTHING, ...MARKET, taken: '20251125_101833', size: FULL, format: 'webp', light: 'day', away: 1, coming: 1, people: 26, bags: 2 },
  { ...NOTHING, ...MARKET, taken: '20251125_173948', size: D1, format: 'jpg', light: 'dusk', away: 3, coming: 1, people: 14, heaps: 1 },
  { ...NOTHING, ...BUS_STAND, taken: '20251125_085911', size: HD, format: 'jpg', light: 'day', away: 3, coming: 1, people: 18, parked: 1 },
  { ...NOTHING, ...BUS_STAND, taken: '20251125_152026', size: D1, format: 'png', light: 'day', away: 2, coming: 1, wrongWay: 2, potholes: 1 },
  { ...NOTHING, ...BUS_STAND, taken: '20251125_221540', size: D1, format: 'webp', light: 'night', people: 1, parked: 2 },
  { ...NOTHING, ...COLLEGE, taken: '20251125_071254', size: HD, format: 'png', light: 'haze', away: 1, parkedAtSign: 2, bags: 3, potholes: 2 },
  { ...NOTHING, ...COLLEGE, taken: '20251125_124705', size: FULL, format: 'jpg', light: 'day' },
];
