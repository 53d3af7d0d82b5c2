import type { PlannedFault } from "./fault-plan.js";
import type { FaultTarget } from "./fault-scheduler.js";
import { noFaults } from "./faulty-pipe.js";
import type { DirectionFaults } from "./faulty-pipe.js";
import type { Direction, TcpFaultProxy } from "./tcp-fault-proxy.js";

/** A process of the run that can be killed and started again. */
export interface KillableProcess {
  readonly pid: number;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again; resolves when it is ready. */
  restart(): Promise<void>;
}

/** Faults of a process: "kill" keeps it away for the fault's duration, "pause" stops it with SIGSTOP. */
export function processTarget(subject: KillableProcess): FaultTarget {
  return {
    apply: async (fault) => {
      if (fault.kind === "kill") {
        await subject.kill();
        return () => subject.restart();
      }
      if (fault.kind !== "pause") throw wrongKind(fault);
      const { pid } = subject;
      process.kill(pid, "SIGSTOP");
      return () => {
        process.kill(pid, "SIGCONT");
        return Promise.resolve();
      };
    },
  };
}

/** Faults of the connections through a proxy. */
export function proxyTarget(proxy: TcpFaultProxy): FaultTarget {
  return {
    apply: async (fault) => {
      if (fault.kind === "reset") proxy.reset();
      else if (fault.kind === "refuse") {
        await proxy.refuse();
        proxy.reset();
      } else {
        const [direction, faults] = directionFaults(fault);
        proxy.set(direction, faults);
      }
      // A cut happens when its bytes have passed, which may be later.
      return fault.kind === "cut" ? () => Promise.resolve() : () => heal(proxy, fault);
    },
  };
}

async function heal(proxy: TcpFaultProxy, { kind }: PlannedFault): Promise<void> {
  const { cutAfterBytes: _kept, ...others } = noFaults();
  proxy.set("both", others);
  if (kind === "refuse") await proxy.accept();
}

function directionFaults(fault: PlannedFault): [Direction | "both", Partial<DirectionFaults>] {
  switch (fault.kind) {
    case "latency":
      return ["both", { latencyMs: fault.amount }];
    case "slow":
      return ["both", { bytesPerSecond: fault.amount }];
    case "blackhole":
      return ["both", { isDead: true }];
    case "dead-up":
      return ["up", { isDead: true }];
    case "dead-down":
      return ["down", { isDead: true }];
    case "cut":
      return ["up", { cutAfterBytes: fault.amount }];
    default:
      throw wrongKind(fault);
  }
}

function wrongKind({ kind, target }: PlannedFault): Error {
  return new Error(`${target} cannot suffer ${kind}`);
}
