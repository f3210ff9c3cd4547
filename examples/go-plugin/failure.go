package main

import (
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// failure is an error of Prism's: a gRPC code, a reason that programs may rely on, and the fields at fault.
type failure struct {
	code       codes.Code
	reason     string
	message    string
	metadata   map[string]string
	violations []violation
}

func (f *failure) Error() string { return f.message }

// violation is a field that broke a rule of the contract.
type violation struct{ field, found, limit string }

func (v violation) String() string { return fmt.Sprintf("%s: %s; %s", v.field, v.found, v.limit) }

func invalid(violations ...violation) *failure {
	texts := make([]string, len(violations))
	for i, each := range violations {
		texts[i] = each.String()
	}
	return &failure{
		code: codes.InvalidArgument, reason: "INVALID_ARGUMENT", message: strings.Join(texts, "; "), violations: violations,
	}
}

func undeclared(capability, what string) *failure {
	return &failure{
		code: codes.Unimplemented, reason: "UNIMPLEMENTED",
		message:  fmt.Sprintf("%s needs the capability '%s', which this backend does not declare", what, capability),
		metadata: map[string]string{"capability": capability},
	}
}

func tooLarge(size int) *failure {
	return &failure{
		code: codes.ResourceExhausted, reason: "ANSWER_TOO_LARGE",
		message: fmt.Sprintf("the answer has %d bytes or more, and one holds at most %d; ask for less at once", size, maxPayload),
	}
}

// unknown makes a gateway initialise the instance, as after a restart.
func unknown(message string) *failure {
	return &failure{code: codes.FailedPrecondition, reason: "INSTANCE_UNKNOWN", message: message + "; initialise it first"}
}

// asStatus is the error as it travels. A write says its outcome; whatever fails here fails before anything is stored.
func (f *failure) asStatus(writes bool) *status.Status {
	metadata := map[string]string{}
	for name, value := range f.metadata {
		metadata[name] = value
	}
	if writes {
		metadata["outcome"] = "NOT_APPLIED"
	}
	made := status.New(f.code, f.message)
	info := &errdetails.ErrorInfo{Reason: f.reason, Domain: "prism", Metadata: metadata}
	detailed, err := made.WithDetails(info)
	if err == nil && len(f.violations) > 0 {
		bad := &errdetails.BadRequest{}
		for _, each := range f.violations {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
				Field: each.field, Description: each.found + "; " + each.limit,
			})
		}
		detailed, err = detailed.WithDetails(bad)
	}
	if err != nil {
		return made
	}
	return detailed
}
