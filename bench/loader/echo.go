package main

import (
	"bytes"
	"flag"
	"io"
	"log"
	"net"
	"os"
	"time"
)

// roundTrips measures bare round trips of one caller: as many octets as a small call has, there and back, no protocol at all.
func roundTrips(arguments []string) {
	flags := flag.NewFlagSet("echo", flag.ExitOnError)
	socket := flags.String("socket", "", "a server that sends back what it reads")
	size := flags.Int("size", 100, "bytes")
	seconds := flags.Float64("seconds", 1, "to measure")
	pid := flags.Int("pid", os.Getpid(), "the process whose processor time counts")
	_ = flags.Parse(arguments)
	peer, err := net.Dial("unix", *socket)
	if err != nil {
		log.Fatal(err)
	}
	said, heard := bytes.Repeat([]byte("x"), *size), make([]byte, *size)
	c := &conn{plan: &plan{}}
	before, start := cpu(*pid), now()
	for until := start + time.Duration(*seconds*float64(time.Second)); now() < until; c.completed++ {
		began := now()
		if _, err := peer.Write(said); err != nil {
			log.Fatal(err)
		}
		if _, err := io.ReadFull(peer, heard); err != nil {
			log.Fatal(err)
		}
		c.latencies = append(c.latencies, now()-began)
		c.bytes += len(heard)
	}
	report([]*conn{c}, result{Seconds: (now() - start).Seconds(), CPU: cpu(*pid) - before})
}
