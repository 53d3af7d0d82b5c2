import { execFileSync } from "node:child_process";

/** A veth pair between two network namespaces of its own: nothing else is on it. */
export class LiveCable {
  readonly namespace = `pkb${process.pid}r`;
  readonly interface = "near";
  /** The other end of the cable, and the namespace it is in. */
  readonly far = "far";
  readonly sender = `pkb${process.pid}s`;

  up(): void {
    const { namespace } = this;
    for (const name of [namespace, this.sender]) {
      ip("netns", "add", name);
      // No neighbour discovery of the interfaces themselves.
      for (const scope of ["all", "default"])
        ip("netns", "exec", name, "sysctl", "-qw", `net.ipv6.conf.${scope}.disable_ipv6=1`);
    }
    ip("-n", namespace, "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", this.sender);
    // Larger than any frame of the file.
    ip("-n", namespace, "link", "set", "near", "mtu", "9000", "up");
    ip("-n", this.sender, "link", "set", "far", "mtu", "9000", "up");
  }

  /** Gives both ends an IPv4 address of one network. */
  address(near: string, far: string): void {
    ip("-n", this.namespace, "addr", "add", `${near}/24`, "dev", this.interface);
    ip("-n", this.sender, "addr", "add", `${far}/24`, "dev", this.far);
  }

  down(): void {
    for (const name of [this.namespace, this.sender]) {
      try {
        ip("netns", "del", name);
      } catch {
        // It was never made.
      }
    }
  }
}

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}
