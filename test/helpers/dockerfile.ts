/** A stage of a Dockerfile. */
export interface Stage {
  /** Of `FROM … AS name`; its number where it has none. */
  name: string;
  /** A base image, or the name of an earlier stage. */
  from: string;
  steps: Step[];
}

export interface Step {
  /** `RUN`, `COPY`, `ENV`, … */
  does: string;
  /** The rest, on one line. */
  what: string;
}

/** Reads as much of a Dockerfile's form as ours has: no heredocs, no ARG before the first FROM, no parser directives. */
export function readDockerfile(text: string): Stage[] {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: Stage[] = [];
  for (const line of lines) {
    const [, does = '', what = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (does === 'FROM') {
      const [, from = '', name = String(stages.length)] = /^(\S+)(?:\s+AS\s+(\S+))?$/.exec(what) ?? [];
      stages.push({ name, from, steps: [] });
    } else stages.at(-1)?.steps.push({ does, what: what.trim() });
  }
  return stages;
}
