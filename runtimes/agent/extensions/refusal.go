package extensions

// Refusal is why a call is answered with 403.
type Refusal struct {
	Type    string
	Message string
}

// Types of refusals.
const (
	MissingIdentifier  = "Extension.MissingExtensionIdentifier"
	InvalidIdentifier  = "Extension.InvalidExtensionIdentifier"
	UnknownIdentifier  = "Extension.UnknownExtensionIdentifier"
	InvalidName        = "Extension.InvalidExtensionName"
	RegistrationClosed = "Extension.RegistrationClosed"
	InvalidState       = "Extension.InvalidExtensionState"
	MissingHeader      = "Extension.MissingHeader"
	TooManyExtensions  = "Extension.TooManyExtensions"
	InvalidEventType   = "Extension.InvalidEventType"
	InvalidFormat      = "InvalidRequestFormat"
)

// Error types of a start, an init or an event that an extension has spoiled.
const (
	Crash               = "Extension.Crash"
	InitErrorReported   = "Extension.InitError"
	ExitErrorReported   = "Extension.ExitError"
	LaunchErrorReported = "Extension.LaunchError"
)

// identifierChars is the length of an identifier in its usual form.
const identifierChars = 36

// CheckIdentifier judges the form of an identifier, before anyone is looked for.
func CheckIdentifier(identifier string) *Refusal {
	if identifier == "" {
		return &Refusal{MissingIdentifier, "Missing Lambda-Extension-Identifier header"}
	}
	if !isUUID(identifier) {
		return &Refusal{InvalidIdentifier, "Invalid Lambda-Extension-Identifier"}
	}
	return nil
}

func isUUID(text string) bool {
	if len(text) != identifierChars {
		return false
	}
	for position, char := range []byte(text) {
		switch {
		case position == 8, position == 13, position == 18, position == 23:
			if char != '-' {
				return false
			}
		case !isHex(char):
			return false
		}
	}
	return true
}

func isHex(char byte) bool {
	return char >= '0' && char <= '9' || char >= 'a' && char <= 'f' || char >= 'A' && char <= 'F'
}
