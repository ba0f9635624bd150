import type { NominationStatus } from '../api/index.ts';
import { decodeAssignment, encodeAssignment } from '../core/assignment.ts';
import type { Nomination } from '../core/model.ts';
import { iso } from './times.ts';

/** Bound of the list in a status; more victims than that are pushed out all the same. */
const MAX_VICTIMS = 1024;

/** As it is kept in a status. */
export function nominationStatus(nomination: Nomination): NominationStatus {
  return {
    cluster: nomination.cluster,
    accelerator: nomination.accelerator,
    queueCharges: [...nomination.queueCharges],
    assignment: encodeAssignment(nomination.nodes),
    victims: nomination.victims.slice(0, MAX_VICTIMS).map((victim) => ({ ...victim })),
    until: iso(nomination.until),
  };
}

/** As it was kept. @param region of a cluster */
export function nominationOf(status: NominationStatus, region: string): Nomination {
  return {
    cluster: status.cluster,
    region,
    accelerator: status.accelerator,
    queueCharges: status.queueCharges,
    nodes: decodeAssignment(status.assignment),
    victims: status.victims.map((victim) => ({
      ...victim,
      kind: victim.kind === 'ModelServing' ? 'ModelServing' : 'ModelTraining',
    })),
    until: Date.parse(status.until),
  };
}
