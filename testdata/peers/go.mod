module github.com/palyra-go/palyra/testdata/peers

go 1.26.5

require (
	github.com/adhocore/gronx v1.20.4
	github.com/aptible/supercronic v0.2.48
	github.com/hashicorp/cronexpr v1.1.3
	github.com/netresearch/go-cron v0.9.1
	github.com/palyra-go/palyra v0.0.0
	github.com/robfig/cron/v3 v3.0.1
)

replace github.com/palyra-go/palyra => ../..
