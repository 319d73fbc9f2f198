/** A wrong setting. The message names the variable, the value, the remedy and an example. */
export class SettingError extends Error {
  override readonly name = 'SettingError';
}
