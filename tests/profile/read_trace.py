"""Reads a Perfetto trace with Perfetto's own bindings, checks its form, and prints what it holds as JSON.

Checked: every packet belongs to a sequence; interned names resolve; every track that events refer to is described; slices
of a track begin and end in order, and none stays open.
"""
import json
import sys

from google.protobuf.unknown_fields import UnknownFieldSet
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent



def assert_known(message):
    """Every field of the message, and of those within it, is one that the bindings know."""
    assert len(UnknownFieldSet(message)) == 0, message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if hasattr(value, "append") or hasattr(value, "add") else [value]:
                assert_known(inner)


trace = Trace()
with open(sys.argv[1], "rb") as file:
    trace.ParseFromString(file.read())

names, annotations, tracks, processes = {}, {}, {}, 0
parents, counters, described = {}, {}, {}
stacks, last = {}, {}
windows, samples, worst, firsts, waiting = {}, {}, {}, {}, {}
interrupts, sent, received, switches, flows, running = {}, {}, {}, {}, {}, set()
raised, arrived = {}, {}

for packet in trace.packet:
    assert packet.trusted_packet_sequence_id == 1, packet
    assert_known(packet)
    if packet.HasField("interned_data"):
        assert packet.sequence_flags & 1, "interned data begins the sequence"
        names.update((entry.iid, entry.name) for entry in packet.interned_data.event_names)
        annotations.update((entry.iid, entry.name) for entry in packet.interned_data.debug_annotation_names)
        assert [entry.name for entry in packet.interned_data.event_categories] == ["bulkhead"]
    if packet.HasField("track_descriptor"):
        track = packet.track_descriptor
        assert track.uuid not in described, track
        described[track.uuid] = track
        processes += track.HasField("process")
        if track.HasField("parent_uuid"):
            assert track.parent_uuid in described, track
    if not packet.HasField("track_event"):
        continue
    event = packet.track_event
    assert packet.sequence_flags & 2 and packet.timestamp > 0, packet
    track = described[event.track_uuid]
    if event.name_iid:
        names[event.name_iid]
    facts = {annotations[fact.name_iid]: fact for fact in event.debug_annotations}
    owner = described[track.parent_uuid].process.process_name if track.HasField("parent_uuid") else None
    if event.type == TrackEvent.TYPE_SLICE_BEGIN and track.name in ("interrupts", "processes"):
        counts = interrupts if track.name == "interrupts" else switches
        counts[owner] = counts.get(owner, 0) + 1
        if track.name == "processes":
            running.add(event.name)
    if track.name == "messages":
        assert event.type == TrackEvent.TYPE_INSTANT, packet
        what = names[event.name_iid]
        counts = {"message sent": sent, "messages arrived": arrived, "message received": received}[what]
        several = facts["count"].uint_value if "count" in facts else 1
        counts[owner] = counts.get(owner, 0) + several
        assert len(set(event.flow_ids)) == len(event.flow_ids) <= several, packet
        for flow in event.flow_ids:
            message = (facts["channel"].string_value, facts["sequence"].uint_value)
            flows.setdefault(flow, []).append((what, packet.timestamp, message))
    else:
        assert not event.flow_ids, packet
    if event.name_iid and names[event.name_iid] == "interrupt raised":
        assert event.type == TrackEvent.TYPE_INSTANT and track.name == "interrupts", packet
        lines = raised.setdefault(owner, {})
        lines[facts["line"].string_value] = lines.get(facts["line"].string_value, 0) + 1
    if event.type in (TrackEvent.TYPE_SLICE_BEGIN, TrackEvent.TYPE_SLICE_END):
        assert packet.timestamp >= last.get(event.track_uuid, 0), (track, packet)
        last[event.track_uuid] = packet.timestamp
    if event.type == TrackEvent.TYPE_SLICE_BEGIN:
        stacks.setdefault(event.track_uuid, []).append(event)
        if event.name_iid and names[event.name_iid] == "window":
            name = track.thread.thread_name
            windows[name] = windows.get(name, 0) + 1
            worst[name] = max(worst.get(name, 0), facts["lateness_ns"].uint_value)
    elif event.type == TrackEvent.TYPE_SLICE_END:
        stacks[event.track_uuid].pop()
    elif event.type == TrackEvent.TYPE_INSTANT and event.name_iid and names[event.name_iid] == "first instruction":
        assert stacks[event.track_uuid], "it lies in a window"
        assert packet.timestamp >= last[event.track_uuid], (track, packet)
        name = track.thread.thread_name
        firsts[name] = firsts.get(name, 0) + 1
    elif event.type == TrackEvent.TYPE_COUNTER and track.counter.unit == 2:
        waiting.setdefault(track.name, []).append([packet.timestamp, event.counter_value])
    elif event.type == TrackEvent.TYPE_COUNTER:
        assert track.counter.unit == 1, track
        name = described[track.parent_uuid].process.process_name
        samples[name] = samples.get(name, 0) + 1

assert not any(stacks.values()), "slices stay open"
for flow, ends in flows.items():
    begins = [at for what, at, _ in ends if what == "message sent"]
    arrives = [at for what, at, _ in ends if what != "message sent"]
    assert len(begins) == 1 and arrives and begins[0] <= min(arrives), (flow, ends)
    # Those that arrive together bear the last one's number.
    assert len({message for what, _, message in ends if what != "messages arrived"}) == 1, (flow, ends)
    assert len({channel for _, _, (channel, _) in ends}) == 1, (flow, ends)
print(json.dumps({
    "windows": windows, "counters": samples, "worst": worst, "processes": processes, "interrupts": interrupts,
    "firsts": firsts, "running": sorted(running), "waiting": waiting, "sent": sent, "received": received, "switches": switches, "flows": len(flows),
    "raised": raised, "arrived": arrived,
}))
