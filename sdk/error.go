package sdk

import "errors"

// Error is a failure as the host understands it.
type Error struct {
	Code      string `json:"code"` // short and stable: snake_case
	Message   string `json:"message"`
	Retryable bool   `json:"retryable,omitempty"` // another attempt may succeed
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// AsError returns err as an Error. What is not one already becomes a final
// failure with the code "failed".
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: "failed", Message: err.Error()}
}
