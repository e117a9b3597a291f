package server

import "github.com/palyra-go/palyra/host/api"

// asked says when the question of a procedure is put.
type asked int

const (
	before asked = iota + 1 // before the payload is decoded: there is one memory, one host
	about                   // by the handler, about each thing that the request names or finds
	inside                  // by the flow that acts: the gate of dispatch, the catalog about what it has read
)

// rule is the Cedar action under which a procedure is judged.
type rule struct {
	action string
	asked  asked
}

// ruleOf returns the rule of a procedure. One that is missing here is denied.
func ruleOf(procedure string) (rule, bool) {
	switch procedure {
	case api.JobServiceCreateProcedure:
		return rule{"job.create", about}, true
	case api.JobServiceListProcedure, api.JobServiceGetProcedure, api.JobServiceNextProcedure:
		return rule{"job.view", about}, true
	case api.JobServiceUpdateProcedure:
		return rule{"job.update", about}, true
	case api.JobServicePauseProcedure, api.JobServiceResumeProcedure:
		return rule{"job.pause", about}, true
	case api.JobServiceTriggerProcedure:
		return rule{"job.run", inside}, true
	case api.JobServiceDeleteProcedure:
		return rule{"job.delete", about}, true
	case api.JobServiceStartBackfillProcedure, api.JobServiceCancelBackfillProcedure:
		return rule{"job.backfill", about}, true
	case api.JobServiceListBackfillsProcedure, api.JobServiceGetBackfillProcedure:
		return rule{"job.view", about}, true

	case api.RunServiceListProcedure, api.RunServiceGetProcedure, api.RunServiceLogsProcedure, api.RunServiceFollowProcedure,
		api.RunServiceWatchProcedure, api.RunServiceSummaryProcedure, api.RunServiceExplainProcedure:
		return rule{"run.view", about}, true
	case api.RunServiceCancelProcedure:
		return rule{"run.cancel", about}, true

	case api.SkillServiceInstallProcedure:
		return rule{"skill.install", inside}, true
	case api.SkillServiceListProcedure, api.SkillServiceGetProcedure:
		return rule{"skill.view", about}, true
	case api.SkillServiceAuditProcedure:
		return rule{"skill.audit", about}, true
	case api.SkillServiceQuarantineProcedure:
		return rule{"skill.quarantine", about}, true
	case api.SkillServiceEnableProcedure:
		return rule{"skill.enable", about}, true
	case api.SkillServiceRemoveProcedure:
		return rule{"skill.remove", about}, true

	case api.PublisherServiceListProcedure:
		return rule{"publisher.view", about}, true
	case api.PublisherServiceTrustProcedure:
		return rule{"publisher.trust", about}, true

	case api.MemoryServicePutProcedure:
		return rule{"memory.put", before}, true
	case api.MemoryServiceSearchProcedure:
		return rule{"memory.search", before}, true
	case api.MemoryServiceListProcedure:
		return rule{"memory.list", before}, true
	case api.MemoryServiceStatusProcedure:
		return rule{"memory.status", before}, true

	case api.PolicyServiceCheckProcedure:
		return rule{"policy.check", before}, true
	case api.JournalServiceTailProcedure:
		return rule{"journal.view", before}, true
	case api.JournalServiceVerifyProcedure:
		return rule{"journal.verify", before}, true
	case api.JournalServiceCheckpointProcedure:
		return rule{"journal.checkpoint", before}, true
	case api.JournalServiceBackupProcedure:
		return rule{"journal.backup", before}, true
	case api.HostServiceStatusProcedure:
		return rule{"host.view", before}, true
	}
	return rule{}, false
}
