"""A harness for each mutant; run by test_mutants.py, and to be looked at one by one: `pytest FILE -k NAME`."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from acceptance.mutants import (
    defects,
    graph_defects,
    objects_defects,
    pubsub_defects,
    queue_defects,
    reader_defects,
    series_defects,
    sql_defects,
    transact_defects,
)
from prism.acceptance import PluginAcceptanceHarness
from prism.backends.memory.backend import MemoryBackend
from prism.backends.memory.cache import MemoryCache
from prism.backends.memory.config import MemoryConfig
from prism.backends.memory.graph import MemoryGraphs
from prism.backends.memory.keyvalue import MemoryKeyValue
from prism.backends.memory.timeseries.store import MemorySeries
from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.backends.sqlite.sql import SqliteSql
from prism.backends.sqlite.transact.store import SqliteTransact
from prism.backends.sqlite.transact.tables_file import TablesFile
from prism.plugins.discovery import Plugin, discover
from prism.sdk import Backend, NoCredentials
from prism.sdk.graph import StoredGraph
from prism.sdk.objectstore.stored import StoredObjects
from prism.sdk.pubsub import LogReader
from prism.sdk.queue import QueueEngine, StoredQueue
from prism.sdk.reader import StoredReader
from prism.sdk.sql import StoredSql
from prism.sdk.timeseries import StoredTimeSeries
from prism.sdk.transact import StoredTransact

_MEMORY, _SQLITE = (discover().found[name] for name in ("memory", "sqlite"))
Kind = (
    type[MemoryKeyValue]
    | type[MemoryCache]
    | type[MemoryGraphs]
    | type[QueueEngine]
    | type[StoredGraph]
    | type[StoredObjects]
    | type[LogReader]
    | type[MemorySeries]
    | type[StoredTimeSeries]
)
_SUITES: Mapping[type, tuple[str, ...]] = {
    MemoryKeyValue: ("keyvalue", "concurrency", "errors"),
    MemoryCache: ("cache", "concurrency", "errors"),
    MemoryGraphs: ("graph",),
    QueueEngine: ("queue",),
    LogReader: ("pubsub",),
    StoredGraph: ("graph",),
    StoredObjects: ("objectstore",),
    MemorySeries: ("timeseries",),
    StoredTimeSeries: ("timeseries",),
}
"""What is said of each: collecting a test costs more than most of them take."""


@dataclass(frozen=True, slots=True)
class Mutant(Plugin):
    """The memory plugin with a defect.

    Attributes:
        kind: KeyValue, Cache, Graph, ObjectStore, TimeSeries, the rules of Queue or what persists of PubSub, as they
            should not be.
    """

    kind: Kind = MemoryKeyValue

    def backend_type(self) -> type[Backend]:
        kind = self.kind

        class MutantBackend(MemoryBackend):
            def __init__(self, config: MemoryConfig, credentials: NoCredentials) -> None:
                super().__init__(config, credentials)
                if issubclass(kind, MemoryCache):
                    self._cache = kind(self._store, config.cache_size)
                elif issubclass(kind, QueueEngine):
                    engine = self._engine
                    self._engine = kind(engine.new_id, engine.idempotency_window, engine.max_unsettled)
                    self._queue = StoredQueue(self._queues(), config.queue)
                elif issubclass(kind, LogReader):
                    self._pubsub._reader = kind(self._pubsub._log, config.pubsub)
                elif issubclass(kind, MemorySeries):
                    if not isinstance(self._store.series, kind):  # instances share it
                        self._store.series = kind(self._store.now)
                    self._series = StoredTimeSeries(self._store.series, config.timeseries)
                elif issubclass(kind, StoredTimeSeries):
                    self._series = kind(self._store.series, config.timeseries)
                elif issubclass(kind, MemoryGraphs):
                    if not isinstance(self._store.graphs, kind):  # instances share it
                        self._store.graphs = kind()
                    self._graph = StoredGraph(self._store.graphs)
                elif issubclass(kind, StoredGraph):
                    self._graph = kind(self._store.graphs)
                elif issubclass(kind, StoredObjects):
                    self._objects = kind(self._store.blobs, self._store.objects, config.objects)
                else:
                    self._keyvalue = kind(self._store)

        return MutantBackend


def _harness(kind: Kind) -> PluginAcceptanceHarness:
    manifest = _MEMORY.manifest.model_copy(update={"name": kind.__name__.lower()})
    mutant = Mutant(manifest, "acceptance.mutants", folder=_MEMORY.folder, kind=kind)
    suites = next(suites for base, suites in _SUITES.items() if issubclass(kind, base))
    return PluginAcceptanceHarness(mutant, suites=suites, ways=("binding",))


@dataclass(frozen=True, slots=True)
class SqliteMutant(Plugin):
    """The SQLite plugin with a defect of its Transact, its Sql or its Reader.

    Attributes:
        kind: one of them, as it should not be.
    """

    kind: type[SqliteTransact] | type[SqliteSql] | type[StoredReader] = SqliteTransact

    def backend_type(self) -> type[Backend]:
        kind = self.kind

        class MutantBackend(SqliteBackend):
            def __init__(self, config: SqliteConfig, credentials: NoCredentials) -> None:
                super().__init__(config, credentials)
                if issubclass(kind, StoredReader):
                    self._reader = kind(self._found, config.reader.max_scan)
                    return
                if issubclass(kind, SqliteSql):
                    self._statements = kind(config.tables_path, config.sql, config.readers, config.busy_timeout)
                    self._sql = StoredSql(self._statements, config.sql)
                    return
                self._tables = kind(TablesFile(config), config.transact)
                self._transact = StoredTransact(self._tables, config.transact)

        return MutantBackend


def _of_transact(
    kind: type[SqliteTransact] | type[SqliteSql] | type[StoredReader], suite: str = "transact"
) -> PluginAcceptanceHarness:
    manifest = _SQLITE.manifest.model_copy(update={"name": kind.__name__.lower()})
    mutant = SqliteMutant(manifest, "acceptance.mutants", folder=_SQLITE.folder, kind=kind)
    return PluginAcceptanceHarness(mutant, suites=(suite,), ways=("binding",))


def _of_sql(kind: type[SqliteSql]) -> PluginAcceptanceHarness:
    return _of_transact(kind, "sql")


def _of_reader(kind: type[StoredReader]) -> PluginAcceptanceHarness:
    return _of_transact(kind, "reader")


drops_ttl_on_overwrite = _harness(defects.DropsTtlOnOverwrite)
like_in_scan = _harness(defects.LikeInScan)
swaps_in_two_steps = _harness(defects.SwapsInTwoSteps)
loses_the_last_of_a_page = _harness(defects.LosesTheLastOfAPage)
shares_namespaces = _harness(defects.SharesNamespaces)
acknowledges_first = _harness(defects.AcknowledgesFirst)
ignores_the_deadline = _harness(defects.IgnoresTheDeadline)
reuses_versions = _harness(defects.ReusesVersions)
joins_reads_in_flight = _harness(defects.JoinsReadsInFlight)
forgets_idempotency_keys = _harness(defects.ForgetsIdempotencyKeys)
cache_ignores_the_deadline = _harness(defects.CacheIgnoresTheDeadline)
cache_counts_in_two_steps = _harness(defects.CacheCountsInTwoSteps)

cuts_answers = _of_sql(sql_defects.CutsAnswers)
ends_what_fails = _of_sql(sql_defects.EndsWhatFails)
runs_several = _of_sql(sql_defects.RunsSeveral)
splices_parameters = _of_sql(sql_defects.SplicesParameters)
casts_in_silence = _of_sql(sql_defects.CastsInSilence)
commits_each = _of_sql(sql_defects.CommitsEach)
queries_may_write = _of_sql(sql_defects.QueriesMayWrite)
leaves_settings = _of_sql(sql_defects.LeavesSettings)
tells_data = _of_sql(sql_defects.TellsData)

redelivers_the_acknowledged = _harness(queue_defects.RedeliversTheAcknowledged)
forgets_the_nacked = _harness(queue_defects.ForgetsTheNacked)
redelivers_too_early = _harness(queue_defects.RedeliversTooEarly)
ignores_extensions = _harness(queue_defects.IgnoresExtensions)
counts_an_attempt_too_few = _harness(queue_defects.CountsAnAttemptTooFew)
counts_releases = _harness(queue_defects.CountsReleases)
obeys_stale_nacks = _harness(queue_defects.ObeysStaleNacks)
loses_order_after_a_nack = _harness(queue_defects.LosesOrderAfterANack)
redrives_to_another_group = _harness(queue_defects.RedrivesToAnotherGroup)
starves_a_consumer = _harness(queue_defects.StarvesAConsumer)
exceeds_the_window = _harness(queue_defects.ExceedsTheWindow)
commits_by_half = _harness(queue_defects.CommitsByHalf)
ages_what_is_buffered = _harness(queue_defects.AgesWhatIsBuffered)
doubles_a_running_handler = _harness(queue_defects.DoublesARunningHandler)

forgets_history = _harness(pubsub_defects.ForgetsHistory)
repeats_the_last = _harness(pubsub_defects.RepeatsTheLast)
passes_by_at_a_page = _harness(pubsub_defects.SkipsAtAPage)
ends_slow_readers = _harness(pubsub_defects.EndsSlowReaders)
skips_in_silence = _harness(pubsub_defects.SkipsInSilence)
takes_any_position = _harness(pubsub_defects.TakesAnyPosition)
says_no_progress = _harness(pubsub_defects.SaysNoProgress)
turns_history_around = _harness(pubsub_defects.TurnsHistoryAround)

reads_one_byte_too_many = _harness(objects_defects.ReadsOneByteTooMany)
checks_before_the_write = _harness(objects_defects.ChecksBeforeTheWrite)
shows_torn_objects = _harness(objects_defects.ShowsTornObjects)
compares_no_checksum = _harness(objects_defects.ComparesNoChecksum)
joins_parts_by_arrival = _harness(objects_defects.JoinsPartsByArrival)
skips_at_a_page = _harness(objects_defects.SkipsAtAPage)
deletes_the_newer_one = _harness(objects_defects.DeletesTheNewerOne)
misses_as_missing = _harness(objects_defects.MissesAsMissing)
normalizes_keys = _harness(objects_defects.NormalizesKeys)
gives_versions_again = _harness(objects_defects.GivesVersionsAgain)
repeats_prefixes = _harness(objects_defects.RepeatsPrefixes)
loses_metadata = _harness(objects_defects.LosesMetadata)
forgets_parts = _harness(objects_defects.ForgetsParts)

orders_by_arrival = _harness(series_defects.OrdersByArrival)
forgets_pairs = _harness(series_defects.ForgetsPairs)
includes_the_end = _harness(series_defects.IncludesTheEnd)
skips_equals = _harness(series_defects.SkipsEquals)
stores_what_it_can = _harness(series_defects.StoresWhatItCan)
sums_in_doubles = _harness(series_defects.SumsInDoubles)
takes_the_last_for_the_first = _harness(series_defects.TakesTheLastForTheFirst)
counts_no_values = _harness(series_defects.CountsNoValues)
turns_groups_around = _harness(series_defects.TurnsGroupsAround)
knows_no_zone = _harness(series_defects.KnowsNoZone)
leaves_buckets_out = _harness(series_defects.LeavesBucketsOut)
sews_twice = _harness(series_defects.SewsTwice)
tells_no_gap = _harness(series_defects.TellsNoGap)
shows_what_is_swept = _harness(series_defects.ShowsWhatIsSwept)
deletes_later = _harness(series_defects.DeletesLater)

leaves_edges_behind = _harness(graph_defects.LeavesEdgesBehind)
makes_what_it_can = _harness(graph_defects.MakesWhatItCan)
merges_like_replace = _harness(graph_defects.MergesLikeReplace)
makes_lonely_edges = _harness(graph_defects.MakesLonelyEdges)
cascades_without_a_bound = _harness(graph_defects.CascadesWithoutABound)
forgets_keys = _harness(graph_defects.ForgetsKeys)
misses_after_a_page = _harness(graph_defects.SkipsAfterAPage)
gives_loops_twice = _harness(graph_defects.GivesLoopsTwice)
keeps_nulls = _harness(graph_defects.KeepsNulls)
sorts_by_case = _harness(graph_defects.SortsByCase)
forgets_depths = _harness(graph_defects.ForgetsDepths)
gives_nodes_again = _harness(graph_defects.GivesNodesAgain)
cuts_traversals_in_silence = _harness(graph_defects.CutsInSilence)
ends_over_its_limit = _harness(graph_defects.EndsOverItsLimit)
walks_in_circles = _harness(graph_defects.WalksInCircles)
finds_no_way_to_itself = _harness(graph_defects.FindsNoWayToItself)
takes_the_last_path = _harness(graph_defects.TakesTheLastPath)
loses_scale = _harness(graph_defects.LosesScale)

writes_what_it_can = _of_transact(transact_defects.WritesWhatItCan)
ignores_expectations = _of_transact(transact_defects.IgnoresExpectations)
forgets_written_keys = _of_transact(transact_defects.ForgetsWrittenKeys)
skips_one_on_resuming = _of_transact(transact_defects.SkipsOneOnResuming)
moves_readers_back = _of_transact(transact_defects.MovesReadersBack)
drops_what_one_has_passed = _of_transact(transact_defects.DropsWhatOneHasPassed)
leases_to_anyone = _of_transact(transact_defects.LeasesToAnyone)
ignores_epochs = _of_transact(transact_defects.IgnoresEpochs)
exceeds_the_backlog = _of_transact(transact_defects.ExceedsTheBacklog)

ignores_case = _of_reader(reader_defects.IgnoresCase)
loses_the_key = _of_reader(reader_defects.LosesTheKey)
passes_nulls_by = _of_reader(reader_defects.PassesNullsBy)
sorts_by_itself = _of_reader(reader_defects.SortsByItself)
looks_at_every_row = _of_reader(reader_defects.LooksAtEveryRow)
skips_after_a_cursor = _of_reader(reader_defects.SkipsAfterACursor)
shares_cursors = _of_reader(reader_defects.SharesCursors)
counts_as_if_all = _of_reader(reader_defects.CountsAsIfAll)
forgets_the_schema = _of_reader(reader_defects.ForgetsTheSchema)
ends_in_silence = _of_reader(reader_defects.EndsInSilence)

_TESTS = Path(__file__).parents[2]
_LIAR = ["env", f"PYTHONPATH={_TESTS}", sys.executable, "-m", "acceptance.mutants.lying_cache", "redis"]
lying_cache = PluginAcceptanceHarness(
    "redis", suites=("errors", "outage"), ways=("grpc",), section={"type": "sidecar", "command": _LIAR}
)
