package near

import "testing"

func TestName(t *testing.T) {
	names := []string{"backup", "health-summary", "b"}
	for name, want := range map[string]string{
		"bakcup": "backup", "health-sumary": "health-summary", "frobnicate": "", "": "b",
	} {
		if got := Name(name, names); got != want {
			t.Errorf("Name(%q) = %q; want %q", name, got, want)
		}
	}
}
