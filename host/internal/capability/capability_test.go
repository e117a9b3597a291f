package capability

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk"
)

func TestCall(t *testing.T) {
	desk := Desk{Status: func(context.Context) sdk.Status { return sdk.Status{Running: 7} }}
	var asking, silent skill.Skill
	asking.Manifest.Capabilities.Status = true

	answer, err := desk.Call(t.Context(), &asking, sdk.MethodStatus, nil)
	if err != nil {
		t.Fatal(err)
	}
	var status sdk.Status
	if err := json.Unmarshal(answer, &status); err != nil || status.Running != 7 {
		t.Errorf("status = %+v, %v; want 7 running", status, err)
	}

	for _, refusal := range []struct {
		skill  *skill.Skill
		method string
		code   string
	}{
		{&silent, sdk.MethodStatus, "denied"},
		{&asking, "host.reboot", "unknown_call"},
		{&asking, "", "unknown_call"},
	} {
		_, err := desk.Call(t.Context(), refusal.skill, refusal.method, nil)
		if e, ok := errors.AsType[*sdk.Error](err); !ok || e.Code != refusal.code {
			t.Errorf("Call(%q) = %v; want code %s", refusal.method, err, refusal.code)
		}
	}
}
