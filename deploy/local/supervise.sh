#!/bin/sh
# Starts and ends the processes of one run of the local environment. A run is a folder; each process adds
# itself to the run's list before it becomes the real program, so that whoever reads the list can end them
# all. Pids are always written with the start time: a reused pid is never taken for ours.
#
#   supervise.sh launch RUN CLUSTER PROGRAM [ARG ...]   becomes the program, its output goes to RUN/logs
#   supervise.sh watch RUN                              ends the run when its owner (our stdin) is gone
set -u

start_time() {
  if [ -r "/proc/$1/stat" ]; then
    read -r stat < "/proc/$1/stat" || return
    # Behind the command's closing bracket, so that spaces in its name do no harm.
    set -- ${stat##*) }
    [ "$1" = Z ] && return
    shift 19
    printf '%s' "$1"
  else
    ps -o lstart= -p "$1" 2> /dev/null | sed 's/ *$//' | tr -s ' :' '_' | tr -d '\n'
  fi
}

end_listed() {
  [ -r "$1" ] || return 0
  while read -r pid start _; do
    if [ "$(start_time "$pid")" = "$start" ]; then kill -9 "$pid" 2> /dev/null; fi
  done < "$1"
}

mode=$1
run=$2
case $mode in
  launch)
    cluster=$3
    program=$4
    shift 4
    name=$(basename "$program")
    # Fails when the run has ended meanwhile: then nothing may start any more.
    printf '%s %s %s %s\n' "$$" "$(start_time $$)" "$cluster" "$name" >> "$run/processes" || exit 1
    exec >> "$run/logs/$cluster-$name.log" 2>&1
    # In a session of its own, so that Ctrl-C in a terminal reaches the owner only. It keeps its pid.
    if command -v setsid > /dev/null; then exec setsid "$program" "$@"; fi
    exec "$program" "$@"
    ;;
  watch)
    # The owner holds the other end of our stdin and never writes: the read ends when it is gone, however
    # it went.
    while read -r _; do :; done
    [ -d "$run" ] || exit 0
    end_listed "$run/processes"
    # Once the folder has its new name, nothing can add itself to the list.
    mv "$run" "$run.ended" 2> /dev/null || exit 0
    end_listed "$run.ended/processes"
    rm -rf "$run.ended"
    ;;
  *)
    echo "supervise.sh: unknown mode $mode" >&2
    exit 2
    ;;
esac
