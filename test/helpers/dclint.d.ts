// dclint's own types do not resolve under `nodenext` (their relative imports have no extension).
declare module 'dclint' {
  export class DCLinter {
    constructor(config: { rules: Record<string, number>; quiet: boolean; debug: boolean; exclude: string[] });
    lintFiles(
      paths: string[],
      recursive: boolean,
    ): { messages: { rule: string; message: string; line: number }[] }[];
  }
}
