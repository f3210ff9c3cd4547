package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2/hpack"
)

// HTTP/2 (RFC 9113), as much of it as a client needs that sends one message in a call. It is written here, because a
// whole client costs as much processor time in a call as the proxies that it would measure, on the core that it shares
// with the upstream. The headers are encoded by the encoder of grpc-go, which indexes as grpc-go does.
const (
	frameData         = 0
	frameHeaders      = 1
	frameReset        = 3
	frameSettings     = 4
	framePing         = 6
	frameGoAway       = 7
	frameWindow       = 8
	frameContinuation = 9

	flagEndStream  = 1
	flagAck        = 1
	flagEndHeaders = 4
	flagPadded     = 8
	flagPriority   = 32

	settingMaxStreams = 3
	settingWindow     = 4

	preface       = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	defaultWindow = 65535
	largestFrame  = 16384
	ownWindow     = 1 << 20 // of a stream
	ownConnWindow = 16 << 20
	writeAhead    = 256 << 10 // bytes of DATA made before they are written
	inline        = 20 << 10  // bodies up to this are written by whoever makes them
	mostStreams   = 1000
)

var authorization = "Bearer " + "prism_" + strings.Repeat("t", 194)

type call struct {
	id       uint32
	started  time.Duration
	received int
	unread   int // received since the last WINDOW_UPDATE
	rest     []byte
	window   int
	ok       bool
}

type conn struct {
	plan   *plan
	socket net.Conn
	greets chan struct{} // closed when the peer's settings have come, as grpc-go waits for them
	idle   chan struct{} // closed when time is up and no call is under way
	wake   *sync.Cond    // for the writer of large bodies

	lock          sync.Mutex
	out           []byte
	block         bytes.Buffer
	encoder       *hpack.Encoder
	decoder       *hpack.Decoder
	fragments     []byte
	status        string
	calls         map[uint32]*call
	sending       []*call
	queue         []time.Duration
	next          uint32
	window        int
	initialWindow int
	maxStreams    int
	unread        int
	latencies     []time.Duration
	completed     int
	failed        int
	bytes         int
	failure       string
	over          bool
	greeted       bool
}

func newConn(plan *plan, socket net.Conn) *conn {
	c := &conn{
		plan: plan, socket: socket, greets: make(chan struct{}), idle: make(chan struct{}),
		calls: map[uint32]*call{}, next: 1, window: defaultWindow, initialWindow: defaultWindow, maxStreams: mostStreams,
	}
	c.wake = sync.NewCond(&c.lock)
	c.encoder = hpack.NewEncoder(&c.block)
	c.decoder = hpack.NewDecoder(4096, func(field hpack.HeaderField) {
		if field.Name == "grpc-status" {
			c.status = field.Value
		}
	})
	c.out = append(c.out, preface...)
	c.frame(frameSettings, 0, 0, []byte{0, settingWindow, 0, ownWindow >> 16, ownWindow >> 8 & 0xff, ownWindow & 0xff})
	c.update(0, ownConnWindow-defaultWindow)
	return c
}

// greet says hello and waits for the peer's.
func (c *conn) greet() {
	c.lock.Lock()
	if c.large() {
		go c.write()
	}
	c.flush()
	c.lock.Unlock()
	go c.read()
	<-c.greets
}

// open begins, in a closed loop, as many calls as the plan wants under way.
func (c *conn) open(at time.Duration) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.plan.rate == 0 {
		for range c.plan.streams {
			c.begin(at)
		}
	}
	c.flush()
}

// start begins a call that was meant to begin at `intended`.
func (c *conn) start(intended time.Duration) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if len(c.calls) >= c.maxStreams {
		c.queue = append(c.queue, intended)
		return
	}
	c.begin(intended)
	c.flush()
}

func (c *conn) large() bool { return len(c.plan.bodies[0]) > inline }

func (c *conn) begin(at time.Duration) {
	body := c.plan.bodies[0]
	if count := len(c.plan.bodies); count > 1 {
		body = c.plan.bodies[rand.IntN(count)]
	}
	call := &call{id: c.next, started: at, rest: body, window: c.initialWindow}
	c.next += 2
	c.calls[call.id] = call
	c.block.Reset()
	var id [32]byte
	var random [24]byte
	binary.LittleEndian.PutUint64(random[:], rand.Uint64())
	binary.LittleEndian.PutUint64(random[8:], rand.Uint64())
	binary.LittleEndian.PutUint64(random[16:], rand.Uint64())
	hex.Encode(id[:], random[:16])
	span := hex.EncodeToString(random[16:])
	c.field(":method", "POST")
	c.field(":scheme", "http")
	c.field(":path", c.plan.path)
	c.field(":authority", "localhost")
	c.field("content-type", "application/grpc")
	c.field("user-agent", "grpc-go/1.85.0")
	c.field("te", "trailers")
	c.field("grpc-timeout", fmt.Sprintf("%du", 9_900_000+rand.IntN(99_999)))
	c.field("authorization", authorization)
	c.field("prism-namespace", c.plan.namespace)
	c.field("traceparent", "00-"+string(id[:])+"-"+span+"-01")
	c.field("x-request-id", span)
	c.frame(frameHeaders, flagEndHeaders, call.id, c.block.Bytes())
	c.sending = append(c.sending, call)
	c.pump()
}

func (c *conn) field(name, value string) {
	_ = c.encoder.WriteField(hpack.HeaderField{Name: name, Value: value})
}

// pump makes DATA of the bodies that the peer has room for, a frame of each in turn.
func (c *conn) pump() {
	for stuck := 0; stuck < len(c.sending) && c.window > 0 && len(c.out) < writeAhead; {
		call := c.sending[0]
		c.sending = c.sending[1:]
		size := min(len(call.rest), largestFrame, c.window, call.window)
		if size <= 0 {
			stuck++
			c.sending = append(c.sending, call)
			continue
		}
		stuck = 0
		c.window -= size
		call.window -= size
		data := call.rest[:size]
		call.rest = call.rest[size:]
		if len(call.rest) > 0 {
			c.sending = append(c.sending, call)
			c.frame(frameData, 0, call.id, data)
		} else {
			c.frame(frameData, flagEndStream, call.id, data)
		}
	}
}

func (c *conn) frame(kind, flags byte, id uint32, payload []byte) {
	size := len(payload)
	c.out = append(c.out, byte(size>>16), byte(size>>8), byte(size), kind, flags)
	c.out = binary.BigEndian.AppendUint32(c.out, id)
	c.out = append(c.out, payload...)
}

func (c *conn) update(id uint32, size int) {
	c.frame(frameWindow, 0, id, binary.BigEndian.AppendUint32(nil, uint32(size)))
}

// flush writes what has been made. Large bodies are written by a goroutine, so that reading goes on meanwhile: a peer
// that cannot get rid of its answers need not read.
func (c *conn) flush() {
	if len(c.out) == 0 {
		return
	}
	if c.large() {
		c.wake.Signal()
		return
	}
	if _, err := c.socket.Write(c.out); err != nil {
		log.Fatal(err)
	}
	c.out = c.out[:0]
}

func (c *conn) write() {
	var spare []byte
	c.lock.Lock()
	for {
		for len(c.out) == 0 {
			c.wake.Wait()
		}
		full := c.out
		c.out = spare[:0]
		c.lock.Unlock()
		if _, err := c.socket.Write(full); err != nil {
			log.Fatal(err)
		}
		spare = full
		c.lock.Lock()
		c.pump()
	}
}

func (c *conn) read() {
	buffer := make([]byte, 512<<10)
	filled := 0
	for {
		n, err := c.socket.Read(buffer[filled:])
		if err != nil {
			log.Fatalf("the connection was lost: %v", err)
		}
		filled += n
		c.lock.Lock()
		used := 0
		for filled-used >= 9 {
			head := buffer[used:]
			size := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
			if filled-used < 9+size {
				break
			}
			c.take(head[3], head[4], binary.BigEndian.Uint32(head[5:])&(1<<31-1), head[9:9+size])
			used += 9 + size
		}
		if c.unread > ownConnWindow/4 {
			c.update(0, c.unread)
			c.unread = 0
		}
		c.pump()
		c.flush()
		c.lock.Unlock()
		filled = copy(buffer, buffer[used:filled])
	}
}

func (c *conn) take(kind, flags byte, id uint32, payload []byte) {
	switch kind {
	case frameData:
		c.unread += len(payload)
		if call := c.calls[id]; call != nil {
			c.takeData(call, flags, payload)
		}
	case frameHeaders, frameContinuation:
		c.takeHeaders(kind, flags, id, payload)
	case frameReset:
		if call := c.calls[id]; call != nil {
			c.end(call, fmt.Sprintf("reset with code %d", binary.BigEndian.Uint32(payload)))
		}
	case frameSettings:
		if flags&flagAck == 0 {
			c.takeSettings(payload)
		}
	case framePing:
		if flags&flagAck == 0 {
			c.frame(framePing, flagAck, 0, payload)
		}
	case frameGoAway:
		log.Fatalf("the server sends GOAWAY: %q", payload)
	case frameWindow:
		size := int(binary.BigEndian.Uint32(payload))
		if id == 0 {
			c.window += size
		} else if call := c.calls[id]; call != nil {
			call.window += size
		}
	}
}

func (c *conn) takeData(call *call, flags byte, payload []byte) {
	call.unread += len(payload)
	if flags&flagPadded != 0 {
		payload = payload[1 : len(payload)-int(payload[0])]
	}
	call.received += len(payload)
	if at := now(); at >= c.plan.from && at <= c.plan.until {
		c.bytes += len(payload)
	}
	if flags&flagEndStream != 0 {
		c.end(call, "no trailers")
	} else if call.unread > ownWindow/4 {
		c.update(call.id, call.unread)
		call.unread = 0
	}
}

func (c *conn) takeHeaders(kind, flags byte, id uint32, payload []byte) {
	if kind == frameHeaders {
		if flags&flagPadded != 0 {
			payload = payload[1 : len(payload)-int(payload[0])]
		}
		if flags&flagPriority != 0 {
			payload = payload[5:]
		}
		c.fragments = c.fragments[:0]
		if call := c.calls[id]; call != nil {
			call.ok = flags&flagEndStream != 0
		}
	}
	c.fragments = append(c.fragments, payload...)
	if flags&flagEndHeaders == 0 {
		return
	}
	c.status = ""
	if _, err := c.decoder.Write(c.fragments); err != nil {
		log.Fatalf("the server's headers cannot be read: %v", err)
	}
	if call := c.calls[id]; call != nil && call.ok {
		switch {
		case c.status != "0":
			c.end(call, "status "+c.status)
		case c.plan.expected > 0 && call.received != c.plan.expected:
			c.end(call, fmt.Sprintf("%d bytes of DATA instead of %d", call.received, c.plan.expected))
		default:
			c.end(call, "")
		}
	}
}

func (c *conn) takeSettings(payload []byte) {
	for ; len(payload) >= 6; payload = payload[6:] {
		value := int(binary.BigEndian.Uint32(payload[2:]))
		switch binary.BigEndian.Uint16(payload) {
		case settingMaxStreams:
			c.maxStreams = min(value, mostStreams)
		case settingWindow:
			for _, call := range c.calls {
				call.window += value - c.initialWindow
			}
			c.initialWindow = value
		}
	}
	c.frame(frameSettings, flagAck, 0, nil)
	if !c.greeted {
		c.greeted = true
		close(c.greets)
	}
}

// end counts a call, and begins the next one.
func (c *conn) end(call *call, failure string) {
	at := now()
	delete(c.calls, call.id)
	if at >= c.plan.from && at <= c.plan.until {
		if failure == "" {
			c.completed++
			c.latencies = append(c.latencies, at-call.started)
		} else {
			c.failed++
			c.failure = failure
		}
	}
	switch {
	case at >= c.plan.until:
		if len(c.calls) == 0 && !c.over {
			c.over = true
			close(c.idle)
		}
	case c.plan.rate == 0:
		c.begin(at)
	case len(c.queue) > 0:
		intended := c.queue[0]
		c.queue = c.queue[1:]
		c.begin(intended)
	}
}
