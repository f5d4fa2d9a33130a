"""The client's logic without I/O: SRP, the wire format, the sign-in, its machine, snapshots and sealing."""
