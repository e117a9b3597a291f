package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// startPostgres starts a server of our own on a free port of the loopback, as
// durable as ours: fsync and synchronous_commit are on. It returns its URL, what
// stops it, and why there is none.
func startPostgres(ctx context.Context) (url string, stop func(), err error) {
	stop = func() {}
	bin, err := postgresDir()
	if err != nil {
		return "", stop, err
	}
	dir, err := os.MkdirTemp("", "peers-pg")
	if err != nil {
		return "", stop, err
	}
	stop = func() { os.RemoveAll(dir) }
	as, err := unprivileged(dir)
	if err != nil {
		return "", stop, err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = as, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", stop, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return "", stop, err
	}
	args := []string{"-D", data, "-k", dir, "-h", "127.0.0.1", "-p", port}
	for _, setting := range []string{
		"fsync=on", "synchronous_commit=on", "full_page_writes=on", "shared_buffers=512MB", "max_connections=50",
		"max_wal_size=4GB", "min_wal_size=1GB", "checkpoint_timeout=30min", "wal_buffers=16MB", "work_mem=32MB",
		"effective_io_concurrency=32", "random_page_cost=1.1", "autovacuum_naptime=10s", "log_min_messages=panic",
	} {
		args = append(args, "-c", setting)
	}
	server := exec.Command(filepath.Join(bin, "postgres"), args...)
	server.SysProcAttr, server.Dir, server.Stderr = as, dir, os.Stderr
	if err := server.Start(); err != nil {
		return "", stop, err
	}
	gone := make(chan struct{})
	go func() { _ = server.Wait(); close(gone) }()
	stop = func() {
		_ = server.Process.Signal(syscall.SIGQUIT) // at once
		<-gone
		os.RemoveAll(dir)
	}
	url = "postgres://postgres@127.0.0.1:" + port + "/postgres"
	return url, stop, answering(ctx, url, gone)
}

func postgresDir() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		return "", errors.New("there is no PostgreSQL; apt-get install postgresql")
	}
	return filepath.Dir(path), nil
}

// unprivileged gives the directory to somebody who may run a server, which root
// must not.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	as := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		return as, nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.Atoi(who.Uid) // as the system writes it
	gid, _ := strconv.Atoi(who.Gid)
	as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return as, os.Chown(dir, uid, gid)
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// answering waits until the server takes connections.
func answering(ctx context.Context, url string, gone <-chan struct{}) error {
	for deadline := time.Now().Add(time.Minute); ; {
		conn, err := pgx.Connect(ctx, url)
		if err == nil {
			return conn.Close(ctx)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the server does not answer: %w", err)
		}
		select {
		case <-gone:
			return errors.New("the server ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
