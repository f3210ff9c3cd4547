package main

import (
	"google.golang.org/protobuf/proto"

	datav1 "prism.invalid/gomap/gen/prism/data/v1"
)

const (
	pageItems       = 100
	streamPageItems = 1000
	pageBytes       = 1 << 20
	framing         = 8 // most bytes that tag and length add to an item on a page
)

// selection is what a page is read from: one record, or where `id` is empty all of them beyond a row.
type selection struct {
	id       string
	keys     span
	after    [][]byte // an (id, key), only where `id` is empty
	reverse  bool
	keysOnly bool
	limit    int
}

// scanned is what Scan and ScanStream have in common.
type scanned interface {
	proto.Message
	GetId() string
	GetPrefix() []byte
	GetStart() []byte
	GetEnd() []byte
	GetReverse() bool
	GetKeysOnly() bool
}

func selectionOf(request scanned, position [][]byte, limit int) selection {
	selected := selection{
		id: request.GetId(), reverse: request.GetReverse(), keysOnly: request.GetKeysOnly(), limit: limit,
		keys: spanOf(string(request.GetPrefix()), string(request.GetStart()), string(request.GetEnd())),
	}
	if position != nil && request.GetId() != "" {
		selected.keys = selected.keys.beyond(string(position[1]), selected.reverse)
	} else {
		selected.after = position
	}
	return selected
}

// row is an item on a page, with the id of its record.
type row struct {
	id   string
	item *datav1.KeyValueItem
}

// page reads the first live items of a selection, as many as a page holds, and says whether more follow.
func (k keyvalue) page(selected selection) (rows []row, more bool) {
	k.Lock()
	defer k.Unlock()
	room, moment := pageBytes, now()
	read := func(id string, record *sorted[*entry], keys span) bool {
		for key, item := range record.within(keys, selected.reverse) {
			if !item.lives(moment) {
				continue
			}
			message := asItem(key, item, selected.keysOnly)
			room -= proto.Size(message) + framing
			if len(rows) > 0 && (room < 0 || len(rows) == selected.limit) {
				more = true
				return false
			}
			rows = append(rows, row{id, message})
		}
		return true
	}
	if selected.id != "" {
		if record, found := k.records(k.namespace).get(selected.id); found {
			read(selected.id, record, selected.keys)
		}
		return rows, more
	}
	ids := span{}
	if selected.after != nil {
		ids = resuming(string(selected.after[0]), selected.reverse)
	}
	for id, record := range k.records(k.namespace).within(ids, selected.reverse) {
		keys := selected.keys
		if selected.after != nil && id == string(selected.after[0]) {
			keys = keys.beyond(string(selected.after[1]), selected.reverse)
		}
		if !read(id, record, keys) {
			break
		}
	}
	return rows, more
}

// resuming is the ids from the last one read, which may have more to give.
func resuming(id string, reverse bool) span {
	if reverse {
		return span{before: id + "\x00", bounded: true}
	}
	return span{first: id}
}

func (k keyvalue) scan(request *datav1.KeyValueScanRequest) (*datav1.KeyValueScanResponse, error) {
	from := queryOf(k.namespace, request)
	position, err := from.position(request.GetCursor(), 2)
	if err != nil {
		return nil, err
	}
	rows, more := k.page(selectionOf(request, position, limitOf(request.GetLimit())))
	answer := &datav1.KeyValueScanResponse{}
	for _, each := range rows {
		answer.Items = append(answer.Items, each.item)
	}
	if more {
		answer.NextCursor = from.cursor([]byte(request.GetId()), rows[len(rows)-1].item.GetKey())
	}
	return answer, nil
}

func (k keyvalue) scanStream(
	request *datav1.KeyValueScanStreamRequest, send func(*datav1.KeyValueScanStreamResponse) error,
) error {
	from := queryOf(k.namespace, request)
	position, err := from.position(request.GetCursor(), 2)
	if err != nil {
		return err
	}
	left := request.GetLimit()
	for {
		limit := uint64(streamPageItems)
		if request.GetLimit() > 0 {
			limit = min(left, limit)
		}
		rows, more := k.page(selectionOf(request, position, int(limit)))
		for start := 0; start < len(rows); {
			part := &datav1.KeyValueScanStreamResponse{Id: rows[start].id}
			for ; start < len(rows) && rows[start].id == part.GetId(); start++ {
				part.Items = append(part.Items, rows[start].item)
			}
			position = [][]byte{[]byte(part.GetId()), part.GetItems()[len(part.GetItems())-1].GetKey()}
			part.Cursor = from.cursor(position...)
			if err := send(part); err != nil {
				return err
			}
		}
		left -= min(left, uint64(len(rows)))
		if !more || (request.GetLimit() > 0 && left == 0) {
			return nil
		}
	}
}

func (k keyvalue) listRecords(request *datav1.KeyValueListRecordsRequest) (*datav1.KeyValueListRecordsResponse, error) {
	from := queryOf(k.namespace, request)
	position, err := from.position(request.GetCursor(), 1)
	if err != nil {
		return nil, err
	}
	ids := spanOf(request.GetPrefix(), request.GetStart(), "")
	if position != nil {
		ids = ids.beyond(string(position[0]), request.GetReverse())
	}
	k.Lock()
	defer k.Unlock()
	answer := &datav1.KeyValueListRecordsResponse{}
	moment, limit := now(), limitOf(request.GetLimit())
	for id, record := range k.records(k.namespace).within(ids, request.GetReverse()) {
		if !anyLives(record, moment) {
			continue
		}
		if len(answer.GetIds()) == limit {
			answer.NextCursor = from.cursor([]byte(answer.GetIds()[limit-1]))
			break
		}
		answer.Ids = append(answer.Ids, id)
	}
	return answer, nil
}

func anyLives(record *sorted[*entry], moment int64) bool {
	for _, item := range record.values {
		if item.lives(moment) {
			return true
		}
	}
	return false
}

func limitOf(asked uint32) int {
	if asked == 0 {
		return pageItems
	}
	return int(asked)
}
