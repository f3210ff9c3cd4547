"""The kit catches each of many defects, by a failure that names the broken rule of the contract."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ALONE = ("-p", "no:cacheprovider", "--disable-plugin-autoload", "-p", "pytest_asyncio.plugin")
HARNESSES = Path(__file__).parent / "mutants" / "harnesses.py"

MUTANTS = [
    (
        "drops_ttl_on_overwrite",
        "test_a_put_with_ttl_replaces_one",
        "CONTRACT, Put: the time to live is the last put's, longer or shorter.",
    ),
    (
        "like_in_scan",
        "keyvalue.scans and wildcards",
        "CONTRACT, Scan: `%`, `_`, `*` are ordinary characters, and so is every other.",
    ),
    ("swaps_in_two_steps", "keyvalue.swap_races", "CONTRACT, CompareAndSwap: of 64 racing callers exactly one wins"),
    (
        "loses_the_last_of_a_page",
        "keyvalue.scans and pages",
        "CONTRACT, common rules: lists are pages, bounded by count; `next_cursor`",
    ),
    ("shares_namespaces", "keyvalue.isolation", "CONTRACT, common rules: no write of one namespace changes another."),
    ("acknowledges_first", "concurrency.keyvalue", "CONTRACT, common rules: a reader sees its own acknowledged writes"),
    (
        "ignores_the_deadline",
        "errors.keyvalue.deadlines",
        "CONTRACT, errors: DEADLINE_EXCEEDED, the caller's deadline passed",
    ),
    (
        "reuses_versions",
        "keyvalue.versions",
        "CONTRACT, version: never used twice for the same key, not even after a delete",
    ),
    (
        "joins_reads_in_flight",
        "concurrency.keyvalue",
        "CONTRACT, common rules: a reader sees its own acknowledged writes",
    ),
    (
        "forgets_idempotency_keys",
        "keyvalue.idempotency",
        "CONTRACT, idempotency keys: the same payload gives the first answer",
    ),
    (
        "cache_ignores_the_deadline",
        "errors.cache.deadlines",
        "CONTRACT, errors: DEADLINE_EXCEEDED, the caller's deadline passed",
    ),
    ("cache_counts_in_two_steps", "cache.races", "CONTRACT, Increment: N racing callers are all counted"),
    (
        "redelivers_the_acknowledged",
        "test_acknowledged_is_for_ever",
        "CONTRACT, Queue 2: an acknowledged message never",
    ),
    ("forgets_the_nacked", "test_a_nack_brings_it_back", "CONTRACT, Queue 6: a nack brings a message back after"),
    ("redelivers_too_early", "test_a_lease_lasts", "CONTRACT, Queue 1: until its deadline no other of the group"),
    ("ignores_extensions", "test_extending_gives", "CONTRACT, Queue 1: `extend` gives a whole ack_deadline"),
    ("counts_an_attempt_too_few", "test_max_attempts_of_two", "CONTRACT, Queue 5: max_attempts 2 means sent exactly"),
    ("counts_releases", "test_a_release_does_not_count", "CONTRACT, Queue 5: `release` does not count."),
    ("obeys_stale_nacks", "test_a_stale_nack", "CONTRACT, Queue 3: a nack with a receipt that is lost"),
    ("loses_order_after_a_nack", "test_a_key_is_in_order", "CONTRACT, Queue 8: of one ordering_key the next comes"),
    ("redrives_to_another_group", "test_dead_of_one_group", "CONTRACT, Queue 7: dead is of that group alone"),
    ("starves_a_consumer", "test_consumers_share", "CONTRACT, Queue 9: 30 messages, 3 consumers of a group"),
    ("exceeds_the_window", "test_a_window_is_not_exceeded", "CONTRACT, Queue 10: a stream never has more than"),
    ("commits_by_half", "test_all_or_nothing", "CONTRACT, Queue 16: all acknowledged and all published"),
    ("ages_what_is_buffered", "test_what_is_not_sent", "CONTRACT, Queue 1: what a gateway has fetched and not sent"),
    (
        "doubles_a_running_handler",
        "test_a_stream_that_breaks",
        "CONTRACT, Queue 4: the next stream of that consumer_id",
    ),
    ("doubles_a_running_handler", "test_without_a_next_stream", "CONTRACT, Queue 4: a stream that broke keeps its"),
    ("forgets_history", "test_where_it_begins", "proto, PubSubStart: now, a time, the earliest"),
    ("forgets_history", "test_no_seam", "CONTRACT, PubSub that persists 3: who begins in the past"),
    ("repeats_the_last", "test_resuming_neither", "CONTRACT, PubSub that persists 2: through any gateway, over all"),
    (
        "passes_by_at_a_page",
        "test_a_slow_reader_lags",
        "CONTRACT, PubSub that persists 4: it is not ended, however far",
    ),
    ("ends_slow_readers", "test_a_slow_reader_lags", "CONTRACT, PubSub that persists 4: it is not ended, however far"),
    ("skips_in_silence", "test_what_retention_has", "CONTRACT, PubSub that persists 5: FAIL ends with OUT_OF_RANGE"),
    ("takes_any_position", "test_whose_a_position_is", "CONTRACT, PubSub that persists 7: one of another namespace"),
    ("says_no_progress", "test_it_says_where_it_stands", "CONTRACT, PubSub that persists 1: PROGRESS comes first"),
    ("turns_history_around", "test_order_in_history", "CONTRACT, PubSub that persists 8: order by key"),
    ("reads_one_byte_too_many", "test_a_range_is_exact", "CONTRACT, ObjectStore 12: a range gives exactly its bytes"),
    ("checks_before_the_write", "objectstore.conditions and racing_cr", "CONTRACT, ObjectStore 3: of N racing puts"),
    ("shows_torn_objects", "test_a_stream_that_is_not_whole", "CONTRACT, ObjectStore 1: a Put without its head"),
    ("compares_no_checksum", "test_another_checksum", "CONTRACT, ObjectStore 1: a Put with another SHA-256"),
    ("joins_parts_by_arrival", "test_parts_in_any_order", "CONTRACT, ObjectStore 9: parts come in any order"),
    ("skips_at_a_page", "test_a_list_is_in_byte_order", "CONTRACT, ObjectStore 6: List is in byte order"),
    ("deletes_the_newer_one", "test_delete_only_what_is_meant", "CONTRACT, ObjectStore 4: `if_match` of Delete"),
    ("misses_as_missing", "test_a_missing_one_is_a_mismatch", "CONTRACT, ObjectStore 3: `if_match` on a missing key"),
    ("normalizes_keys", "test_every_key_is_kept", "CONTRACT, ObjectStore 5: a key is never a path, never normalized"),
    ("gives_versions_again", "test_versions_never_come_again", "CONTRACT, ObjectStore 2: a version is of one object"),
    ("repeats_prefixes", "test_a_delimiter_merges", "CONTRACT, ObjectStore 6: prefixes are merged in, in order, each"),
    ("loses_metadata", "test_properties_come_back", "CONTRACT, ObjectStore 7: metadata is UTF-8 byte for byte"),
    ("forgets_parts", "test_an_upload_is_resumed", "CONTRACT, ObjectStore 9: an upload is resumed by part"),
    ("orders_by_arrival", "test_the_order_of_time", "CONTRACT, TimeSeries 1: the order of time is (timestamp"),
    ("forgets_pairs", "test_one_event_stays_one", "CONTRACT, TimeSeries 2: with `dedup` timestamp and event_id"),
    ("includes_the_end", "test_a_range_is_half_open", "CONTRACT, TimeSeries 3: a range is [from, to)"),
    ("skips_equals", "test_equal_keys_page", "CONTRACT, TimeSeries 1: events that are equal in both"),
    (
        "stores_what_it_can",
        "timeseries.events and all_or_nothing",
        "CONTRACT, TimeSeries 5: an Append is all or nothing",
    ),
    ("sums_in_doubles", "test_sums_do_not_overflow", "CONTRACT, TimeSeries 6: the sum of int64 and decimal"),
    ("takes_the_last_for_the_first", "test_first_and_last_go", "CONTRACT, TimeSeries 6: first and last go by"),
    ("counts_no_values", "test_more_than_is_exact", "CONTRACT, TimeSeries 7: percentiles of more than"),
    ("knows_no_zone", "test_days_over_changes", "CONTRACT, TimeSeries 8: a day begins with its first instant"),
    ("leaves_buckets_out", "test_empty_buckets", "CONTRACT, TimeSeries 9: empty buckets are absent unless"),
    ("turns_groups_around", "test_groups_in_their_order", "CONTRACT, TimeSeries 10: buckets come by (start, group)"),
    ("sews_twice", "test_history_and_then", "CONTRACT, TimeSeries 11: `ready`, what was there"),
    ("tells_no_gap", "test_what_retention_has_passed", "CONTRACT, TimeSeries 11: where events behind a position"),
    ("shows_what_is_swept", "test_beyond_retention", "CONTRACT, TimeSeries 12: what is beyond retention"),
    ("deletes_later", "test_a_deleted_stream_is_gone", "CONTRACT, TimeSeries 13: a deleted stream is gone"),
    ("leaves_edges_behind", "test_edges_made_while", "CONTRACT, Graph 1: an edge has both its nodes"),
    ("makes_lonely_edges", "test_an_edge_needs", "CONTRACT, Graph 1: an edge without one of its nodes"),
    ("makes_what_it_can", "graph.nodes and test_create_refuses", "CONTRACT, Graph 2: CREATE of what exists is"),
    ("merges_like_replace", "graph.nodes and test_merge_sets", "CONTRACT, Graph 2: MERGE sets the named"),
    ("leaves_edges_behind", "test_a_node_with_edges", "CONTRACT, Graph 3: REFUSE is FAILED_PRECONDITION with"),
    ("cascades_without_a_bound", "test_a_cascade_has", "CONTRACT, Graph 3: above 10,000 edges CASCADE is refused"),
    ("forgets_keys", "test_many_between_two", "CONTRACT, Graph 4: many edges between two nodes are kept"),
    ("gives_loops_twice", "test_from_a_node_to_itself", "CONTRACT, Graph 4: an edge from a node to itself"),
    ("forgets_depths", "test_level_by_level", "CONTRACT, Graph 5: what some walk reaches, each once"),
    ("gives_nodes_again", "test_circles_end", "CONTRACT, Graph 5: a node is gone on from once"),
    ("walks_in_circles", "graph.traverse and test_paths", "CONTRACT, Graph 5: PATHS: each path once, with no node"),
    ("cuts_traversals_in_silence", "graph.traverse and test_a_limit", "CONTRACT, Graph 6: `limit` gives the first"),
    ("ends_over_its_limit", "test_too_many_edges", "CONTRACT, Graph 6: over `max_visited` is LIMIT_EXCEEDED"),
    ("misses_after_a_page", "test_a_hub", "CONTRACT, Graph 7: the edges of a hub are read by pages"),
    ("misses_after_a_page", "test_pages_of_edges", "CONTRACT, Graph, pages: edges that come or go"),
    ("finds_no_way_to_itself", "test_a_path_to_itself", "CONTRACT, Graph 9: from a node to itself it is a path"),
    ("takes_the_last_path", "test_a_shortest_path", "CONTRACT, Graph 9: the fewest edges; of equals"),
    ("keeps_nulls", "graph.nodes and test_an_update", "CONTRACT, Graph 10: set, remove, a null that removes"),
    ("loses_scale", "graph.nodes and test_values_come_back", "CONTRACT, Graph 10: a value comes back with its kind"),
    ("sorts_by_case", "graph.nodes and test_ids_are_bytes", "CONTRACT, Graph: ids are any text, never normalized"),
    ("writes_what_it_can", "test_nothing_where_one_part_fails", "CONTRACT, Transact 1: where a later change fails"),
    ("ignores_expectations", "test_another_number_of_rows", "CONTRACT, Transact 1: a wrong `expect_rows`"),
    (
        "forgets_written_keys",
        "transact.write and test_repeated_with_its_key",
        "CONTRACT, Transact 1: repeated with its",
    ),
    ("skips_one_on_resuming", "test_a_reader_that_goes_on", "CONTRACT, Transact 2: who goes on after a sequence"),
    ("moves_readers_back", "test_a_reader_has_a_position", "CONTRACT, Transact 3: AckMailbox makes a reader and moves"),
    (
        "drops_what_one_has_passed",
        "test_what_all_have_passed",
        "CONTRACT, Transact 3: a message goes when every reader",
    ),
    ("leases_to_anyone", "test_one_holder_at_a_time", "CONTRACT, Transact 5: while one has a reader no other gets it"),
    ("ignores_epochs", "test_the_epoch_fences", "CONTRACT, Transact 5: whose lease has ended can move the reader no"),
    ("exceeds_the_backlog", "test_a_backlog_is_bounded", "CONTRACT, Transact 6: no Write is refused up to"),
    ("cuts_answers", "test_max_rows", "CONTRACT, Sql 5: `max_rows` ends an answer"),
    ("ends_what_fails", "test_a_failure_is_no_end", "CONTRACT, Sql 6: a failure after the first row"),
    ("runs_several", "test_one_statement", "CONTRACT, Sql 3: one statement; a second one"),
    ("splices_parameters", "test_text_is_only_text", "CONTRACT, Sql 4: a parameter is bound, whatever it looks like"),
    ("casts_in_silence", "sql.values and does_not_fit", "CONTRACT, Sql 4: what does not fit the type"),
    ("commits_each", "sql.statements and all_or_nothing", "proto, Batch: all statements, or none."),
    ("queries_may_write", "test_a_query_only_reads", "CONTRACT, Sql 2: whatever a Query tries to change"),
    ("leaves_settings", "test_no_trace", "CONTRACT, Sql 3: BEGIN, COMMIT, SET and the like leave no trace"),
    ("tells_data", "test_errors_without_data", "CONTRACT, Sql 8: an error has the store's code"),
    ("ignores_case", "test_what_is_not_there", "CONTRACT, Reader 1: what is not named does not exist"),
    ("loses_the_key", "test_without_a_key_pages", "CONTRACT, Reader 2: without a key, a page ends with a whole group"),
    ("loses_the_key", "test_few_distinct", "CONTRACT, Reader 4: a sort of few distinct values pages through each"),
    ("passes_nulls_by", "test_every_direction", "CONTRACT, Reader 3: rows come in the column's own order, nulls"),
    ("sorts_by_itself", "test_a_sort_without", "CONTRACT, Reader 5: it is refused, and the refusal says which index"),
    ("looks_at_every_row", "test_a_filter_that_finds", "CONTRACT, Reader 6: a page looks at `max_scan` rows"),
    ("skips_after_a_cursor", "test_rows_come_and_go", "CONTRACT, Reader 7: rows that are added or deleted between"),
    ("shares_cursors", "test_a_cursor_belongs", "CONTRACT, Reader 7: another collection, namespace, filter"),
    ("counts_as_if_all", "test_counts_stop", "CONTRACT, Reader 8: counting stops at `at_most`, and says"),
    ("forgets_the_schema", "test_a_schema_that_changes", "CONTRACT, Reader 10: the cursor is refused, never used"),
    ("ends_in_silence", "test_a_stream_is_all_rows", "CONTRACT, Reader: a stream is the pages of the same read"),
    ("lying_cache", "errors.cache.down", "CONTRACT, errors: BACKEND_UNAVAILABLE, the store does not answer"),
    (
        "lying_cache",
        "errors.cache.faults and full",
        "CONTRACT, errors: STORE_FULL, CONFLICT, DATA_LOSS: a write is NOT_APPLIED",
    ),
    (
        "lying_cache",
        "outage.cache.store and killed",
        "CONTRACT, errors and outcome: a crash of the store: nothing that is NOT_APPLIED",
    ),
]
"""Mutant, the module or test of the suite that is about the rule, and how the rule begins."""


pytestmark = pytest.mark.xdist_group("mutants")  # so that they are run once, not once in each worker


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the kit says of every mutant, from one run of it over what is relevant."""
    report = tmp_path_factory.mktemp("mutants") / "report.json"
    chosen = " or ".join(f"({mutant} and {about})" for mutant, about, _ in MUTANTS)
    command = [sys.executable, "-m", "pytest", str(HARNESSES), "-q", "-k", chosen, "--acceptance-report", str(report)]
    soon = os.environ | {"PRISM_ACCEPTANCE_TIMEOUT": "2"}  # what a mutant never says need not be waited for
    done = subprocess.run(
        [*command, *ALONE, "--tb=no"], capture_output=True, text=True, cwd=Path(__file__).parents[2], env=soon
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    found: list[dict[str, Any]] = json.loads(report.read_text())["cases"]
    return found


@pytest.mark.parametrize(
    ("mutant", "rule"), [pytest.param(mutant, rule, id=f"{mutant}-{about}") for mutant, about, rule in MUTANTS]
)
def test_a_mutant_is_caught_by_its_rule(cases: list[dict[str, Any]], mutant: str, rule: str) -> None:
    """A test fails on it whose rule is the one that the mutant breaks."""
    own = [case for case in cases if f"[{mutant}" in case["test"]]
    assert own
    if absent := {case["reason"] for case in own if case["reason"].startswith("not here: ")}:
        pytest.skip(", ".join(absent))
    # A mutant that no longer fits its base raises in every call, which fails every rule and proves none.
    assert [case["reason"] for case in own if "failed inside the backend" in case["reason"]] == []
    broken = {case["rule"] for case in own if case["outcome"] == "failed"}
    assert [each for each in broken if each.startswith(rule)], broken
