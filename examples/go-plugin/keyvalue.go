package main

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	datav1 "prism.invalid/gomap/gen/prism/data/v1"
)

// keyvalue serves KeyValue on one namespace of a store.
type keyvalue struct {
	*store
	namespace string
}

// Of an answer, what the items of a batch may take; the rest is for the errors of those that do not fit.
const batchBytes = maxPayload * 3 / 4

func microseconds(ttl *durationpb.Duration) int64 {
	return ttl.GetSeconds()*1_000_000 + int64(ttl.GetNanos())/1000
}

// expiring is what has a ttl or an expires_at.
type expiring interface {
	GetTtl() *durationpb.Duration
	GetExpiresAt() *timestamppb.Timestamp
}

// expiry is when what is written at a moment expires; 0 for never. It may have passed.
func expiry(written expiring, moment int64) int64 {
	if at := written.GetExpiresAt(); at != nil {
		return at.GetSeconds()*1_000_000 + int64(at.GetNanos())/1000
	}
	if ttl := written.GetTtl(); ttl != nil {
		return moment + microseconds(ttl)
	}
	return 0
}

func asItem(key string, item *entry, keysOnly bool) *datav1.KeyValueItem {
	message := &datav1.KeyValueItem{Key: []byte(key), Version: item.packedVersion()}
	if !keysOnly {
		message.Value, message.Metadata = item.value, item.metadata
	}
	if item.expires != 0 {
		message.ExpiresAt = timestamppb.New(time.UnixMicro(item.expires))
	}
	return message
}

func (k keyvalue) put(request *datav1.KeyValuePutRequest) (*datav1.KeyValuePutResponse, error) {
	for i, each := range request.GetItems() {
		given := ""
		if each.GetTtl() != nil {
			given = ".ttl"
		} else if each.GetExpiresAt() != nil {
			given = ".expires_at"
		}
		if request.GetKeepTtl() && given != "" {
			return nil, invalid(violation{
				at("items", i) + given, "a time to live", "not together with keep_ttl; leave out one of the two",
			})
		}
	}
	k.Lock()
	defer k.Unlock()
	answer := &datav1.KeyValuePutResponse{}
	moment := now()
	for _, each := range request.GetItems() {
		item := &entry{value: each.GetValue(), metadata: each.GetMetadata(), version: k.nextVersion()}
		if current := k.live(k.namespace, request.GetId(), string(each.GetKey()), moment); request.GetKeepTtl() && current != nil {
			item.expires = current.expires
		} else {
			item.expires = expiry(each, moment)
		}
		k.write(k.namespace, request.GetId(), string(each.GetKey()), item)
		if item.expires != 0 && item.expires <= moment { // it is gone: its version is empty
			answer.Versions = append(answer.Versions, []byte{})
		} else {
			answer.Versions = append(answer.Versions, item.packedVersion())
		}
	}
	return answer, nil
}

func (k keyvalue) get(request *datav1.KeyValueGetRequest) (*datav1.KeyValueGetResponse, error) {
	k.Lock()
	defer k.Unlock()
	answer := &datav1.KeyValueGetResponse{}
	size, moment := 0, now()
	for _, key := range request.GetKeys() {
		if item := k.live(k.namespace, request.GetId(), string(key), moment); item != nil {
			if size += len(item.value); size > maxPayload {
				return nil, tooLarge(size)
			}
			answer.Items = append(answer.Items, asItem(string(key), item, false))
		}
	}
	return answer, nil
}

func (k keyvalue) exists(request *datav1.KeyValueExistsRequest) (*datav1.KeyValueExistsResponse, error) {
	k.Lock()
	defer k.Unlock()
	return &datav1.KeyValueExistsResponse{Keys: k.living(request.GetId(), request.GetKeys())}, nil
}

func (k keyvalue) living(id string, keys [][]byte) [][]byte {
	var found [][]byte
	moment := now()
	for _, key := range keys {
		if k.live(k.namespace, id, string(key), moment) != nil {
			found = append(found, key)
		}
	}
	return found
}

func (k keyvalue) batchGet(request *datav1.KeyValueBatchGetRequest) (*datav1.KeyValueBatchGetResponse, error) {
	answer := &datav1.KeyValueBatchGetResponse{}
	size := 0
	for _, read := range request.GetReads() {
		result := &datav1.KeyValueBatchGetResponse_Result{Id: read.GetId()}
		found, err := checked(read, k.get)
		if err == nil {
			own := proto.Size(found)
			if size+own > batchBytes {
				err = tooLarge(size + own)
			} else {
				size += own
				result.Items = found.GetItems()
			}
		}
		result.Error = statusOf(err, false)
		answer.Results = append(answer.Results, result)
	}
	return answer, nil
}

func (k keyvalue) batchPut(request *datav1.KeyValueBatchPutRequest) (*datav1.KeyValueBatchPutResponse, error) {
	answer := &datav1.KeyValueBatchPutResponse{}
	for _, write := range request.GetWrites() {
		result := &datav1.KeyValueBatchPutResponse_Result{Id: write.GetId()}
		stored, err := checked(write, k.put)
		result.Versions, result.Error = stored.GetVersions(), statusOf(err, true)
		answer.Results = append(answer.Results, result)
	}
	return answer, nil
}

func (k keyvalue) delete(request *datav1.KeyValueDeleteRequest) (*datav1.KeyValueDeleteResponse, error) {
	k.Lock()
	defer k.Unlock()
	id, keys := request.GetId(), distinct(request.GetKeys())
	if len(request.GetKeys()) == 0 {
		if record, found := k.records(k.namespace).get(id); found {
			for _, key := range record.keys {
				keys = append(keys, []byte(key))
			}
		}
	}
	existed := k.living(id, keys)
	for _, key := range keys {
		k.remove(k.namespace, id, string(key))
	}
	answer := &datav1.KeyValueDeleteResponse{Count: uint64(len(existed))}
	if len(request.GetKeys()) > 0 {
		answer.Keys = existed
	}
	return answer, nil
}

func (k keyvalue) compareAndSwap(
	request *datav1.KeyValueCompareAndSwapRequest,
) (*datav1.KeyValueCompareAndSwapResponse, error) {
	k.Lock()
	defer k.Unlock()
	id, key, moment := request.GetId(), string(request.GetKey()), now()
	current := k.live(k.namespace, id, key, moment)
	if !expected(request, current) {
		answer := &datav1.KeyValueCompareAndSwapResponse{}
		if current != nil {
			answer.Current = asItem(key, current, false)
		}
		return answer, nil
	}
	if request.GetDelete() != nil {
		k.remove(k.namespace, id, key)
		return &datav1.KeyValueCompareAndSwapResponse{Swapped: true}, nil
	}
	item := &entry{value: request.GetNewValue(), metadata: request.GetMetadata(), version: k.nextVersion()}
	item.expires = expiry(request, moment)
	k.write(k.namespace, id, key, item)
	if item.expires != 0 && item.expires <= moment {
		return &datav1.KeyValueCompareAndSwapResponse{Swapped: true}, nil
	}
	return &datav1.KeyValueCompareAndSwapResponse{Swapped: true, Current: asItem(key, item, false)}, nil
}

func expected(request *datav1.KeyValueCompareAndSwapRequest, current *entry) bool {
	switch want := request.GetExpected().(type) {
	case *datav1.KeyValueCompareAndSwapRequest_ExpectedVersion:
		return current != nil && string(current.packedVersion()) == string(want.ExpectedVersion)
	case *datav1.KeyValueCompareAndSwapRequest_ExpectedValue:
		return current != nil && string(current.value) == string(want.ExpectedValue)
	default:
		return current == nil
	}
}

func (k keyvalue) expire(request *datav1.KeyValueExpireRequest) (*datav1.KeyValueExpireResponse, error) {
	existed := k.setExpiry(request.GetId(), request.GetKeys(), expiry(request, now()))
	return &datav1.KeyValueExpireResponse{Keys: existed}, nil
}

func (k keyvalue) persist(request *datav1.KeyValuePersistRequest) (*datav1.KeyValuePersistResponse, error) {
	return &datav1.KeyValuePersistResponse{Keys: k.setExpiry(request.GetId(), request.GetKeys(), 0)}, nil
}

func (k keyvalue) setExpiry(id string, keys [][]byte, expires int64) [][]byte {
	k.Lock()
	defer k.Unlock()
	existed := k.living(id, distinct(keys))
	for _, key := range existed {
		k.live(k.namespace, id, string(key), now()).expires = expires
	}
	return existed
}

func distinct(keys [][]byte) [][]byte {
	var found [][]byte
	seen := map[string]bool{}
	for _, key := range keys {
		if !seen[string(key)] {
			seen[string(key)] = true
			found = append(found, key)
		}
	}
	return found
}

// statusOf is how a part of a batch ended; nil where it succeeded.
func statusOf(err error, writes bool) *status.Status {
	if err == nil {
		return nil
	}
	return asFailure(err).asStatus(writes).Proto()
}
