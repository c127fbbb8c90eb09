package link

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// KeyBytes is the length of a function's key.
const KeyBytes = 32

const nonceBytes = 16

// AgentProof is what the agent puts into hello to show that it holds key.
func AgentProof(key []byte, gatewayNonce, agentNonce, uid, pod string) string {
	return proof(key, "agent", gatewayNonce, agentNonce, uid, pod)
}

// GatewayProof is what the gateway puts into welcome or redirect; the nonces change places.
func GatewayProof(key []byte, gatewayNonce, agentNonce, uid, pod string) string {
	return proof(key, "gateway", agentNonce, gatewayNonce, uid, pod)
}

func proof(key []byte, role string, parts ...string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("kubelambda-link/1 " + role + "\n" + strings.Join(parts, "\n")))
	return hex.EncodeToString(mac.Sum(nil))
}

func sameProof(one, other string) bool { return hmac.Equal([]byte(one), []byte(other)) }

func newNonce() string {
	var nonce [nonceBytes]byte
	_, _ = rand.Read(nonce[:]) // never fails since Go 1.24
	return hex.EncodeToString(nonce[:])
}
