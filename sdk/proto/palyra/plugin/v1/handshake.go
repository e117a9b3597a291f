package pluginv1

// How host and child find each other over go-plugin, beside the messages
// themselves. Both sides use these.
const (
	// CookieKey and CookieValue are put into a child's environment, so that a
	// program knows that it was started by a host and not by a person. They are
	// no secret.
	CookieKey   = "PALYRA_PLUGIN"
	CookieValue = "palyra.plugin.v1"

	// Version is the version of this transport as go-plugin negotiates it.
	Version = 1

	// PluginName is the one plugin that a child dispenses.
	PluginName = "skill"

	// MaxMessage is the largest message that either side accepts, in bytes.
	MaxMessage = 16 << 20

	// Window is the static flow-control window of both sides, in bytes.
	Window = 1 << 20
)
