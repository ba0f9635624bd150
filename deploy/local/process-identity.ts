import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * A process is named by its pid and its start time: a pid alone is given to another process sooner or
 * later, and we must never end or wait for one that is not ours.
 */
export interface ProcessIdentity {
  pid: number;
  startTime: string;
}

/** When the process started, in a form only good for comparing; undefined when it does not exist (or is a zombie). */
export function startTimeOf(pid: number): string | undefined {
  try {
    return process.platform === 'linux' ? linuxStartTime(pid) : psStartTime(pid);
  } catch {
    return undefined;
  }
}

function linuxStartTime(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the command in brackets and may hold spaces: count from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : fields[19];
}

function psStartTime(pid: number): string | undefined {
  const out = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  // Squeezed as the launcher squeezes it, so that both write the same text.
  return out.trim().replace(/[\s:]+/g, '_') || undefined;
}

export function isAlive(identity: ProcessIdentity): boolean {
  return startTimeOf(identity.pid) === identity.startTime;
}

export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, startTime: startTimeOf(process.pid) ?? 'unknown' };
}

/** Sends a signal, but only to the very process that is meant. */
export function signalExactly(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch {
    return false;
  }
}
