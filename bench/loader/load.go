package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const patience = 500 * time.Millisecond // for the answers that are under way when time is up

// plan is what one run does.
type plan struct {
	socket      string
	path        string
	connections int
	streams     int
	size        int
	messages    int
	rate        int
	seconds     float64
	warm        float64
	pid         int
	namespace   string
	bodies      [][]byte      // of requests, framed: one of them at random
	expected    int           // bytes of DATA in a good answer; 0: any
	from, until time.Duration // what counts, on the clock of `now`
}

// result is what one run saw. Latencies are in microseconds; cpu is the seconds that the process under test ran.
type result struct {
	Calls    int     `json:"calls"`
	Failed   int     `json:"failed"`
	Failure  string  `json:"failure,omitempty"`
	Seconds  float64 `json:"seconds"`
	P50      float64 `json:"p50"`
	P99      float64 `json:"p99"`
	CPU      float64 `json:"cpu"`
	Resident int     `json:"resident"`
	Bytes    int     `json:"bytes"`
}

var began = time.Now()

func now() time.Duration { return time.Since(began) }

func load(arguments []string) {
	plan := parse(arguments)
	conns := make([]*conn, plan.connections)
	for i := range conns {
		socket, err := net.Dial("unix", plan.socket)
		if err != nil {
			log.Fatal(err)
		}
		conns[i] = newConn(plan, socket)
		conns[i].greet()
	}
	start := now()
	plan.from = start + time.Duration(plan.warm*float64(time.Second))
	plan.until = plan.from + time.Duration(plan.seconds*float64(time.Second))
	for _, conn := range conns {
		conn.open(start)
	}
	if plan.rate > 0 {
		go pace(plan, conns)
	}
	time.Sleep(plan.from - now())
	before := cpu(plan.pid)
	resident := watch(plan)
	used, elapsed := cpu(plan.pid)-before, now()-plan.from
	for _, conn := range conns {
		select {
		case <-conn.idle:
		case <-time.After(patience):
		}
	}
	report(conns, result{Seconds: elapsed.Seconds(), CPU: used, Resident: resident})
}

func parse(arguments []string) *plan {
	plan := &plan{}
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	flags.StringVar(&plan.socket, "socket", "", "what to call")
	flags.StringVar(&plan.path, "path", "/prism.data.v1.KeyValue/Get", "the method")
	flags.IntVar(&plan.connections, "connections", 1, "how many")
	flags.IntVar(&plan.streams, "streams", 1, "calls under way on each connection")
	flags.IntVar(&plan.size, "size", 100, "bytes of a message")
	flags.IntVar(&plan.messages, "messages", 0, "ask for a stream of so many messages; 0: a unary echo")
	flags.IntVar(&plan.rate, "rate", 0, "calls a second, latency from their intended start; 0: each answer begets a call")
	flags.Float64Var(&plan.seconds, "seconds", 1, "to measure")
	flags.Float64Var(&plan.warm, "warm", 0.2, "seconds before")
	flags.IntVar(&plan.pid, "pid", os.Getpid(), "the process whose processor time counts")
	flags.StringVar(&plan.namespace, "namespace", "bench", "the namespace that is called")
	var requests string
	flags.StringVar(&requests, "requests", "", "a file of messages to send, one at random, each in hexadecimal digits")
	_ = flags.Parse(arguments)
	message := bytes.Repeat([]byte("x"), plan.size)
	plan.expected = 5 + plan.size
	if plan.messages > 0 {
		message = fmt.Appendf(nil, "%d %d", plan.messages, plan.size)
		plan.expected = plan.messages * (5 + plan.size)
	}
	plan.bodies = [][]byte{framed(message)}
	if requests != "" {
		plan.bodies, plan.expected = read(requests), 0
	}
	return plan
}

func framed(message []byte) []byte {
	size := len(message)
	return append([]byte{0, byte(size >> 24), byte(size >> 16), byte(size >> 8), byte(size)}, message...)
}

// read gives the messages of a file, each in hexadecimal digits on a line of its own.
func read(file string) [][]byte {
	text, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	var bodies [][]byte
	for line := range strings.Lines(string(text)) {
		message, err := hex.DecodeString(strings.TrimSpace(line))
		if err != nil {
			log.Fatal(err)
		}
		bodies = append(bodies, framed(message))
	}
	return bodies
}

// pace begins calls at their times, on a thread of its own whose sleep is not rounded to milliseconds.
func pace(plan *plan, conns []*conn) {
	runtime.LockOSThread()
	const setTimerSlack = 29
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 1, 0)
	interval := time.Second / time.Duration(plan.rate)
	for next, i := now(), 0; next < plan.until; next, i = next+interval, i+1 {
		if pause := next - now(); pause > 0 {
			span := syscall.NsecToTimespec(int64(pause))
			_ = syscall.Nanosleep(&span, nil)
		}
		conns[i%len(conns)].start(next)
	}
}

// watch waits until time is up, and gives the most memory that the process under test held meanwhile. It looks often
// only at streams, where that is asked for.
func watch(plan *plan) int {
	most := 0
	for {
		most = max(most, resident(plan.pid))
		left := plan.until - now()
		if left <= 0 {
			return most
		}
		if plan.messages > 0 {
			left = min(left, 5*time.Millisecond)
		}
		time.Sleep(left)
	}
}

func report(conns []*conn, result result) {
	var latencies []time.Duration
	for _, conn := range conns {
		conn.lock.Lock()
		result.Calls += conn.completed
		result.Failed += conn.failed
		result.Bytes += conn.bytes
		if conn.failure != "" {
			result.Failure = conn.failure
		}
		latencies = append(latencies, conn.latencies...)
		if conn.plan.rate > 0 { // calls without an answer have waited so long at least
			for _, call := range conn.calls {
				latencies = append(latencies, conn.plan.until-call.started)
			}
			for _, intended := range conn.queue {
				latencies = append(latencies, conn.plan.until-intended)
			}
		}
		conn.lock.Unlock()
	}
	slices.Sort(latencies)
	if count := len(latencies); count > 0 {
		result.P50 = float64(latencies[count/2].Nanoseconds()) / 1e3
		result.P99 = float64(latencies[count*99/100].Nanoseconds()) / 1e3
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		log.Fatal(err)
	}
}

// cpu is the time that the threads of a process have run, in seconds, to the nanosecond.
func cpu(pid int) float64 {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	total := 0.0
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			nanoseconds, _ := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
			total += nanoseconds / 1e9
		}
	}
	return total
}

// resident is the memory that a process holds, in bytes.
func resident(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	pages, _ := strconv.Atoi(strings.Fields(string(text))[1])
	return pages * os.Getpagesize()
}
