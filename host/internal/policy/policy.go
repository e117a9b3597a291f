// Package policy decides with Cedar and the built-in invariants whether a principal may act; alone makes a Permit.
//
// The policies are the operator's: *.cedar files, validated strictly against
// the published [Schema] when they are compiled into a [Set]. A [Gate] holds the
// Set in force; swapping it takes effect with the next question.
//
// What is promised:
//
//   - Built-in invariants come first and no policy removes them: the skill is
//     installed and current, has the entrypoint, is active, and was audited
//     within its lease. A denial by one of them names it as "builtin:" and the
//     reason, which no policy can be called.
//   - Any error denies. Cedar skips a policy that cannot be evaluated, so that a
//     forbid with a typo would allow; here one such policy turns the answer into
//     a denial with the reason policy_error, whatever the others say. So do an
//     unknown principal, action or resource.
//   - Nothing is allowed without a permit that matches. The empty Set denies
//     everything.
//   - The same question to the same Set has the same answer, to the letter:
//     policies and errors are sorted.
//   - No answer is remembered.
//   - A question meets only the policies whose scope admits it, and what they do
//     not look up is not made: the answer is that of all of them, and hardly
//     depends on how many there are.
//
// What a Set is compiled from is capped before Cedar's parser sees it, because
// deep nesting ends the process: 1 MiB a file, 4 MiB in all, 10 000 policies,
// 4 096 tokens a policy, nesting of 64. Each policy has an @id of letters,
// digits, dot, dash and underscore, unique among all files.
//
// The room is pure: no I/O, no clock, no goroutine.
package policy
