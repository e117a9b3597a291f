package arch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// faults are the ways in which schedulers lose, double or misreport work, each
// with the tests that would show it here: a test function of a package, or a story.
var faults = []struct {
	fault string
	tests []string // DIRECTORY TEST, or a story
}{
	{"one far-off job makes the loop sleep the whole gap, and others starve", []string{
		"host/internal/scheduler TestANewJobWakesTheLoop", "host/internal/scheduler TestSleepsAreShort",
	}},
	{"the cursor moves before the run is written, and a crash between loses the time", []string{
		"host/internal/journal TestKill", "host/internal/crash TestCrash", "host/internal/crash TestPoints",
	}},
	{"a nominal time has no identity, and runs twice", []string{
		"host/internal/journal TestBeginRefuses", "host/internal/sim TestMonth", "host/internal/crash TestCrash",
	}},
	{"after a quick restart a run is running for ever, and forbid blocks its job", []string{
		"host/internal/dispatch TestRecover", "story_kill.txtar", "host/internal/crash TestCrash",
	}},
	{"one bad job fails the batch, or ends the loop", []string{
		"host/internal/scheduler TestABadJobIsSetAside", "host/internal/scheduler TestAPanicSetsAside",
		"host/internal/scheduler TestAPanickingDispatcherDoesNotStopTheLoop", "host/internal/dispatch TestARefusedClaimDisturbsNoOther",
		"host/internal/journal TestBeginSurvivesAnomaly",
	}},
	{"a schedule silently is not armed any more", []string{"host/internal/scheduler TestReview"}},
	{"a job that skips fires the overdue time however late", []string{
		"host/internal/scheduler TestDowntime", "host/internal/scheduler TestPlan",
	}},
	{"an edit or a resume fires what it did not have to", []string{
		"host/internal/scheduler TestPauseAndResume", "host/internal/scheduler TestEditSettlesWhatIsDue",
	}},
	{"what is caught up comes at once, and its own overlap rule skips it", []string{
		"host/internal/scheduler TestCatchUpOneAfterAnother", "story_catch_up.txtar",
	}},
	{"too many missed times end a schedule, or take a year to count", []string{
		"host/internal/scheduler TestPlanIsBounded", "host/schedule TestCountOfAYearOfSeconds",
	}},
	{"all that was missed starts in the same second", []string{"host/internal/scheduler TestCatchUpBudget"}},
	{"jitter adds up, or is another one after a restart", []string{
		"host/internal/scheduler TestPlanWithJitterCoversEachNominalTimeOnce", "host/schedule TestHashIsFNV",
	}},
	{"a step of the clock fires again, or not at all", []string{"host/internal/scheduler TestCompare", "host/internal/scheduler TestAJumpIsRecorded"}},
	{"two daemons on one state fire twice", []string{"story_bad_input.txtar"}},
	{"a stop waits for nothing, or for ever", []string{"host/internal/dispatch TestDrain", "story_drain.txtar"}},
	{"there is no limit over all jobs", []string{"host/internal/dispatch TestSlots", "host/internal/dispatch TestLimits"}},
	{"history grows without end", []string{"host/internal/journal TestTrim", "host/internal/journal TestTrimSlices"}},
	{"one slow job delays all others", []string{"host/internal/dispatch TestPriorityDoesNotHoldUpOthers", "host/internal/dispatch TestLimits"}},
	{"a loop over the changes of a zone hangs", []string{"host/schedule TestEveryTransition", "host/schedule TestEndsOfTime"}},

	{"a replaced run says that it failed, and its retries bring it back", []string{"host/internal/dispatch TestReplaceAwaits"}},
	{"what is started by hand passes the overlap rule by", []string{"host/internal/dispatch TestTrigger"}},
	{"between two attempts a run is not active, and another starts", []string{"host/internal/dispatch TestRetries"}},
	{"a restart forgets when the next attempt is", []string{"host/internal/dispatch TestRecover"}},
	{"two claims at once make two live runs", []string{
		"host/internal/journal TestAdvanceOneAtATime", "host/internal/journal TestConcurrent", "host/internal/dispatch TestConcurrencyWithinABatch",
	}},
	{"a run has no deadline", []string{"host/internal/dispatch TestTimeout", "host/internal/dispatch TestRunTimeout"}},
	{"what is queued loses its nominal time, its input or its place", []string{
		"host/internal/dispatch TestAQueuedRunIsJudgedAgain", "host/internal/dispatch TestQueueOneWhileTheQueuedRunStarts",
	}},
	{"an edit, a pause or a deletion leaves retries going", []string{"host/internal/dispatch TestCancelJob"}},
	{"the cause of a failure is lost behind the number of attempts", []string{"host/internal/dispatch TestConclude"}},
	{"a job skips two times of three, and looks healthy", []string{"host/internal/dispatch TestConcurrency", "host/internal/job TestWarnings"}},
	{"a running action shows no output", []string{"host/internal/dispatch TestAFollowerHearsEachLineAsItIsLogged"}},
	{"timeouts and crashes of the host leave processes behind", []string{
		"host/internal/runner TestKillReachesProcessesThatLeftTheGroup", "host/internal/runner TestSweep", "host/internal/crash TestCrash",
	}},
}

// Nobody removes the test of such a fault, or renames it, without looking here.
func TestPastFaultsHaveTests(t *testing.T) {
	for _, f := range faults {
		for _, test := range f.tests {
			if !exists(t, test) {
				t.Errorf("%s: there is no %s", f.fault, test)
			}
		}
	}
}

func exists(t *testing.T, test string) bool {
	t.Helper()
	const root = "../../.."
	dir, name, isFunction := strings.Cut(test, " ")
	if !isFunction {
		_, err := os.Stat(filepath.Join(root, "testdata", "script", dir))
		return err == nil
	}
	files, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(t *testing.T)") {
			return true
		}
	}
	return false
}
