package code

import "strings"

// cp437 are the letters of the upper half of the code page that names in a zip have without a flag for
// UTF-8: what older packers of Windows write.
var cp437 = []rune(
	"ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ" +
		"áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐" +
		"└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀" +
		"αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0")

func decodeCP437(name string) string {
	var text strings.Builder
	for _, one := range []byte(name) {
		if one < 0x80 {
			text.WriteByte(one)
		} else {
			text.WriteRune(cp437[one-0x80])
		}
	}
	return text.String()
}
