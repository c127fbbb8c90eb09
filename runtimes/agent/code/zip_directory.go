package code

import (
	"bytes"
	"encoding/binary"
)

// Records of a zip archive's central directory and their fixed sizes.
const (
	entrySignature     = "PK\x01\x02"
	endSignature       = "PK\x05\x06"
	locatorSignature   = "PK\x06\x07"
	wideEndSignature   = "PK\x06\x06"
	entryBytes         = 46
	endBytes           = 22
	locatorBytes       = 20
	wideEndBytes       = 56
	commentBytesMax    = 65_535
	endSizeAt          = 12
	wideEndSizeAt      = 40
	locatorPositionAt  = 8
	entryNameBytesAt   = 28
	entryExtraBytesAt  = 30
	entryRemarkBytesAt = 32
)

// countEntries walks the central directory without keeping anything of it, as archive/zip would make
// some 400 bytes of each entry's 46. What it cannot follow has no entries for archive/zip either, or
// is counted as far as it goes.
func countEntries(archive []byte) int {
	tail := max(0, len(archive)-endBytes-commentBytesMax)
	end := bytes.LastIndex(archive[tail:], []byte(endSignature))
	if end < 0 || tail+end+endBytes > len(archive) {
		return 0
	}
	end += tail
	size := int64(binary.LittleEndian.Uint32(archive[end+endSizeAt:]))
	offset := int64(binary.LittleEndian.Uint32(archive[end+endSizeAt+4:]))
	if wide, found := findWideEnd(archive, end); found {
		end = wide
		size = int64(binary.LittleEndian.Uint64(archive[end+wideEndSizeAt:]))
		offset = int64(binary.LittleEndian.Uint64(archive[end+wideEndSizeAt+8:]))
	}
	// The directory ends where its end begins; archive/zip may also trust the offset alone.
	return max(countFrom(archive, int64(end)-size), countFrom(archive, offset))
}

// findWideEnd gives the place of the end record of a zip64 archive, where there is one.
func findWideEnd(archive []byte, end int) (int, bool) {
	locator := end - locatorBytes
	if locator < 0 || !bytes.HasPrefix(archive[locator:], []byte(locatorSignature)) {
		return 0, false
	}
	place := binary.LittleEndian.Uint64(archive[locator+locatorPositionAt:])
	if place > uint64(len(archive)-wideEndBytes) {
		return 0, false
	}
	return int(place), bytes.HasPrefix(archive[place:], []byte(wideEndSignature))
}

func countFrom(archive []byte, place int64) int {
	count := 0
	for place >= 0 && place+entryBytes <= int64(len(archive)) {
		entry := archive[place:]
		if !bytes.HasPrefix(entry, []byte(entrySignature)) {
			break
		}
		count++
		place += entryBytes
		for _, at := range [...]int{entryNameBytesAt, entryExtraBytesAt, entryRemarkBytesAt} {
			place += int64(binary.LittleEndian.Uint16(entry[at:]))
		}
	}
	return count
}
