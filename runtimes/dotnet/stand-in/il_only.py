"""Make assemblies that were compiled ahead for another system plain ones, in place.

Such a file (ReadyToRun) has machine code beside its complete CIL, and .NET on another system
refuses it. Contract: clears the header's entries for that code, so that the CIL alone is what the
file has (ECMA-335, II.25.3.3; the PE format's data directories). One without machine code stays.
"""

import struct
import sys
from pathlib import Path

DIRECTORIES = 16
CLI_HEADER = 14
IL_ONLY, IL_LIBRARY = 1, 4


def clear_machine_code(image: bytearray) -> bool:
    """Whether there was any."""
    pe = struct.unpack_from("<I", image, 0x3C)[0]
    sections, header_size = struct.unpack_from("<H12xH", image, pe + 6)
    header = pe + 24
    is_wide = struct.unpack_from("<H", image, header)[0] == 0x20B
    directories = header + (112 if is_wide else 96)
    address = struct.unpack_from("<I", image, directories + 8 * CLI_HEADER)[0]
    cli = find_offset(image, header + header_size, sections, address)
    if not struct.unpack_from("<I", image, cli + 64)[0]:
        return False
    flags = struct.unpack_from("<I", image, cli + 16)[0]
    struct.pack_into("<I", image, cli + 16, flags & ~IL_LIBRARY | IL_ONLY)
    struct.pack_into("<II", image, cli + 64, 0, 0)  # ManagedNativeHeader
    struct.pack_into("<I", image, header + 16, 0)  # the entry point
    for index in range(DIRECTORIES):
        if index != CLI_HEADER:
            struct.pack_into("<II", image, directories + 8 * index, 0, 0)
    return True


def find_offset(image: bytearray, table: int, sections: int, address: int) -> int:
    """Where in the file a virtual address is."""
    for index in range(sections):
        size, start, raw_size, raw = struct.unpack_from("<IIII", image, table + 40 * index + 8)
        if start <= address < start + max(size, raw_size):
            return int(address - start + raw)
    raise ValueError(f"no section holds the address {address:#x}")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        content = bytearray(Path(name).read_bytes())
        if clear_machine_code(content):
            Path(name).write_bytes(content)
