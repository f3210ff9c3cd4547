package main

import (
	"encoding/binary"
	"iter"
	"slices"
	"sync"
	"time"
)

// sorted is a map in the order of its keys: a Go map beside a sorted slice.
type sorted[V any] struct {
	keys   []string
	values map[string]V
}

func newSorted[V any]() *sorted[V] { return &sorted[V]{values: map[string]V{}} }

func (s *sorted[V]) get(key string) (V, bool) {
	value, found := s.values[key]
	return value, found
}

func (s *sorted[V]) set(key string, value V) {
	if _, found := s.values[key]; !found {
		at, _ := slices.BinarySearch(s.keys, key)
		s.keys = slices.Insert(s.keys, at, key)
	}
	s.values[key] = value
}

func (s *sorted[V]) remove(key string) {
	if at, found := slices.BinarySearch(s.keys, key); found {
		s.keys = slices.Delete(s.keys, at, at+1)
		delete(s.values, key)
	}
}

// span is a stretch in byte order: `first` is in it, `before` is not; bounded above only where `bounded`.
type span struct {
	first, before string
	bounded       bool
}

func spanOf(prefix, start, end string) span {
	within := span{first: max(prefix, start)}
	if after, found := successor(prefix); found {
		within.before, within.bounded = after, true
	}
	if end != "" && (!within.bounded || end < within.before) {
		within.before, within.bounded = end, true
	}
	return within
}

// successor is the smallest string above everything that starts with the prefix.
func successor(prefix string) (string, bool) {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			return prefix[:i] + string([]byte{prefix[i] + 1}), true
		}
	}
	return "", false
}

// beyond is the part that comes after a position, in the direction of reading.
func (s span) beyond(position string, reverse bool) span {
	if !reverse {
		s.first = max(s.first, position+"\x00")
	} else if !s.bounded || position < s.before {
		s.before, s.bounded = position, true
	}
	return s
}

// within gives what lies in a span, in order.
func (s *sorted[V]) within(within span, reverse bool) iter.Seq2[string, V] {
	low, _ := slices.BinarySearch(s.keys, within.first)
	high := len(s.keys)
	if within.bounded {
		high, _ = slices.BinarySearch(s.keys, within.before)
	}
	return func(yield func(string, V) bool) {
		for i := range max(0, high-low) {
			at := low + i
			if reverse {
				at = high - 1 - i
			}
			if !yield(s.keys[at], s.values[s.keys[at]]) {
				return
			}
		}
	}
}

// entry is a stored item. Times are microseconds since 1970; an item that never expires has none.
type entry struct {
	value    []byte
	metadata map[string]string
	version  uint64
	expires  int64
}

func (e *entry) lives(now int64) bool { return e.expires == 0 || e.expires > now }

func (e *entry) packedVersion() []byte { return binary.BigEndian.AppendUint64(nil, e.version) }

// store holds records by namespace and id. Its users hold its lock.
type store struct {
	sync.Mutex
	namespaces map[string]*sorted[*sorted[*entry]]
	version    uint64
}

func newStore() *store { return &store{namespaces: map[string]*sorted[*sorted[*entry]]{}} }

func now() int64 { return time.Now().UnixMicro() }

func (s *store) records(namespace string) *sorted[*sorted[*entry]] {
	found := s.namespaces[namespace]
	if found == nil {
		found = newSorted[*sorted[*entry]]()
		s.namespaces[namespace] = found
	}
	return found
}

// live is an item, unless it is missing or has expired.
func (s *store) live(namespace, id, key string, at int64) *entry {
	if record, found := s.records(namespace).get(id); found {
		if item, found := record.get(key); found && item.lives(at) {
			return item
		}
	}
	return nil
}

func (s *store) write(namespace, id, key string, item *entry) {
	record, found := s.records(namespace).get(id)
	if !found {
		record = newSorted[*entry]()
		s.records(namespace).set(id, record)
	}
	record.set(key, item)
}

func (s *store) remove(namespace, id, key string) {
	if record, found := s.records(namespace).get(id); found {
		if record.remove(key); len(record.keys) == 0 {
			s.records(namespace).remove(id)
		}
	}
}

// nextVersion is never given twice, not even by a later process: it is not below the clock.
func (s *store) nextVersion() uint64 {
	s.version = max(s.version+1, uint64(now()))
	return s.version
}

// sweep removes what has expired.
func (s *store) sweep() {
	s.Lock()
	defer s.Unlock()
	at := now()
	for namespace, records := range s.namespaces {
		for _, id := range slices.Clone(records.keys) {
			record := records.values[id]
			for _, key := range slices.Clone(record.keys) {
				if !record.values[key].lives(at) {
					s.remove(namespace, id, key)
				}
			}
		}
	}
}
