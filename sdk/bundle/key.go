package bundle

import "crypto/ed25519"

// PublicKey is an Ed25519 key (RFC 8032).
type PublicKey [ed25519.PublicKeySize]byte
