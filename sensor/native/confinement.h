#ifndef PICKET_CONFINEMENT_H_
#define PICKET_CONFINEMENT_H_

namespace picket {

// From now on no thread of this process may open a network connection, open a
// file for writing, change the file system, start a program or look into another
// process; each attempt fails with EPERM. Packet sockets, netlink and reading
// files stay. It cannot be undone. Returns 0 or an errno number.
int ConfineProcess();

}  // namespace picket

#endif  // PICKET_CONFINEMENT_H_
