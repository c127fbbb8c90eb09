package logs

import "bytes"

// LineCutter makes whole lines of output that comes cut anywhere.
type LineCutter struct{ partial []byte }

// Cut takes data and gives the lines that are whole now, each with its line feed, or nil. The result
// is valid until data is reused. A line without end does not grow beyond lineBytesMax.
func (c *LineCutter) Cut(data []byte) []byte {
	last := bytes.LastIndexByte(data, '\n') + 1
	whole := data[:last]
	if last > 0 && len(c.partial) > 0 {
		whole = append(c.partial, whole...)
		c.partial = nil
	}
	c.partial = append(c.partial, data[last:]...)
	if len(c.partial) >= lineBytesMax {
		whole = append(append([]byte(nil), whole...), c.End()...)
	}
	return whole
}

// End gives what was begun and not ended, as a line; nil where there is nothing.
func (c *LineCutter) End() []byte {
	if len(c.partial) == 0 {
		return nil
	}
	line := append(c.partial, '\n')
	c.partial = nil
	return line
}
