#!/bin/sh
# Stands in for `python -m ratchet_runners run JOB.json --output DIR`; the job's parameter "behaviour" says how it behaves.
job=$4
out=$6
behaviour=$(sed -n 's/.*"behaviour": *"\([a-z-]*\)".*/\1/p' "$job")
train=$(sed -n '/"train"/,/}/s/.*"digest": *"\([a-z0-9:]*\)".*/\1/p' "$job")
parent=$(sed -n '/"reference"/,/}/s/.*"digest": *"\([a-z0-9:]*\)".*/\1/p' "$job" | head -n 1)
champion=$(sed -n '/"champion"/,/}/s/.*"digest": *\("[a-z0-9:]*"\).*/\1/p' "$job" | head -n 1)
name=$(sed -n 's/.*"job": *"\([A-Za-z0-9._-]*\)".*/\1/p' "$job")
attempt=$(sed -n 's/.*"attempt": *"\([A-Za-z0-9._-]*\)".*/\1/p' "$job")

beat() {
  printf '{"at":"%s","step":"%s","fraction":%s,"message":"%s","remainingSeconds":null}\n' \
    "$(date -u +%Y-%m-%dT%H:%M:%S.000Z)" "$1" "$2" "$3" >> "$out/progress.jsonl"
}

# report FILE DIGEST BYTES [OUTCOME]
report() {
  artifacts="[{\"file\":\"$1\",\"digest\":\"$2\",\"kind\":\"compressed\",\"parent\":\"$parent\",\"sizeBytes\":$3}]"
  reasons='[]'
  if [ "${4:-candidate}" = no-candidate ]; then artifacts='[]'; reasons='["nothing is smaller"]'; fi
  cat > "$out/report.tmp" <<JSON
{"schema":"ratchet.dev/report/v1","job":"$name","attempt":"$attempt","outcome":"${4:-candidate}","reasons":$reasons,
"artifacts":$artifacts,
"read":{"reference":"$parent","champion":$champion,"train":"$train"},
"data":{"digest":"$train","requested":10,"used":10,"labelled":5,"replay":0},"figures":{"agreement":0.99},
"steps":[],"versions":{"fake":"1"},"seed":7,"command":"fake","wallSeconds":0.1,"peakRssBytes":1000}
JSON
  mv "$out/report.tmp" "$out/report.json"
}

model() {
  printf 'model of %s' "$attempt" > "$out/candidate.onnx"
  digest="sha256:$(sha256sum < "$out/candidate.onnx" | cut -d ' ' -f 1)"
  bytes=$(wc -c < "$out/candidate.onnx" | tr -d ' ')
}

case $behaviour in
  succeeds) beat calibrate 0.5 half; model; report candidate.onnx "$digest" "$bytes"; beat done 1 ready ;;
  no-candidate) report x x 0 no-candidate ;;
  exits-one) echo 'Traceback: it broke' >&2; exit 1 ;;
  invalid-job) printf '{"code":"invalid-job","message":"The job has 1 fault","faults":["seed: too odd"]}' > "$out/error.json"; exit 2 ;;
  hangs) beat calibrate 0.1 started; sleep 600 ;;
  stubborn) trap '' TERM; beat calibrate 0.1 started; (trap '' TERM; sleep 600) & while :; do sleep 600; done ;;
  forks) beat calibrate 0.1 started; sleep 600 & sleep 600 & sleep 600 ;;
  slow) beat calibrate 0.1 started; while [ ! -e "$out/../go" ]; do sleep 0.05; done; model; report candidate.onnx "$digest" "$bytes" ;;
  garbage) printf 'no json\n{"at":1}\n\000\377{"step"' > "$out/progress.jsonl"; printf '{"schema": what' > "$out/report.json" ;;
  garbage-progress) beat calibrate 0.25 good; printf 'no json\n{"at":"yesterday","fraction":7}\n{"at":"20' >> "$out/progress.jsonl"; sleep 600 ;;
  wrong-digest) model; report candidate.onnx "sha256:$(printf %064d 0)" "$bytes" ;;
  escapes) model; report ../x "$digest" "$bytes" ;;
  symlink) model; mv "$out/candidate.onnx" "$out/../real"; ln -s ../real "$out/candidate.onnx"; report candidate.onnx "$digest" "$bytes" ;;
  hardlink) model; ln "$out/candidate.onnx" "$out/second"; report candidate.onnx "$digest" "$bytes" ;;
  fills) beat calibrate 0.1 started; i=0; while [ $i -lt 12 ]; do head -c 100000 /dev/zero > "$out/$i"; i=$((i + 1)); done; sleep 600 ;;
  shows-environment) env > "$out/environment"; exit 1 ;;
  *) echo "unknown behaviour $behaviour" >&2; exit 2 ;;
esac
