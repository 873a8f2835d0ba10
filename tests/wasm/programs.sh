# The engine's own tests as WebAssembly programs: build-wasm/tests/NAME.wasm. Sourced by
# scripts/wasm. Left out are those about processes, signals, the native env, and libvips. They are
# linked at -O0, without wasm-opt, which would take longer than all the rest.
programs="
base/arena:test_arena.c alloc.c
base/buf:test_buf.c alloc.c
base/clock:test_clock.c alloc.c
base/err:test_err.c alloc.c
base/id:test_id.c alloc.c
base/json:test_json.c alloc.c
base/json_write:test_json_write.c alloc.c
base/utf8:test_utf8.c alloc.c
schema/legacy:test_legacy.c
schema/legacy43:test_legacy43.c
schema/rights:test_rights.c
schema/schema:test_schema.c
schema/stamps:test_stamps.c
sync/merge:test_merge.c ../engine/kit.c
sync/merge_record:test_merge_record.c
sync/wire:test_wire.c
sync/sse:test_sse.c
sync/state:state_of_log.c replay.c log.c ../engine/kit.c
media/sniff:test_sniff.c
media/parts:test_parts.c
media/store:test_store.c
engine/keyring:test_keyring.c
engine/seal:test_seal.c
engine/archive:test_archive.c room.c
engine/bytes:test_bytes.c kit.c
engine/reconcile:test_reconcile.c kit.c
engine/scope:test_scope.c kit.c
engine/spaces:test_spaces.c kit.c
engine/store:test_store.c kit.c
engine/vault:test_vault.c kit.c
engine/fence:test_fence.c room.c
engine/fence_memory:test_fence_memory.c room.c
engine/fence_same:test_fence_same.c room.c sqlgen.c
engine/fence_attacks:test_fence_attacks.c fence_plants.c room.c sqlgen.c
engine/live:test_live.c fence_plants.c room.c sqlgen.c
engine/model:model.c model_check.c ../wasm/no_crash.c model_oracle.c kit.c
modules/label:test_label.c
modules/pool:test_pool.c pool.c ../engine/kit.c
modules/pictures:test_pictures.c pool.c ../engine/kit.c
modules/small:test_small.c pool.c ../engine/kit.c
modules/wardrobe:test_wardrobe.c pool.c ../engine/kit.c
"

# The holes of the fence that its tests open are compiled in for two of them only.
planted='src/engine/fence.c src/engine/fence_functions.c src/engine/fence_rules.c
    src/engine/fence_vtab.c src/engine/live.c'

program() { # program FOLDER/NAME FILE…
    name=$1 folder=${1%/*} flags="$test_flags" wrap=
    shift
    case $name in
    base/*) wrap=-Wl,--wrap=malloc,--wrap=realloc ;;
    engine/fence_attacks | engine/live) flags="$test_flags -DRAUM_FENCE_PLANTS" ;;
    esac
    mine=
    for file in "$@"; do
        object="\$out/tests/obj/$name/$(basename "$file" .c).o"
        printf 'build %s: cc tests/%s/%s\n flags = -O1 %s\n' "$object" "$folder" "$file" "$flags"
        mine="$mine $object"
    done
    engine=
    for source in $sources; do
        case $source in src/wasm/env_host.c | src/wasm/vfs.c | src/[!w]*) ;; *) continue ;; esac
        object="\$out/obj/${source%.c}.o"
        case "$flags $planted" in *-DRAUM_FENCE_PLANTS*"$source"*)
            object="\$out/tests/planted/${source%.c}.o" ;;
        esac
        engine="$engine $object"
    done
    printf 'build $out/tests/%s.wasm: link %s $out/tests/obj/shim.o %s $out/obj/sqlite3.o\n' \
        "$name" "$mine" "$engine"
    printf ' flags = -O0 %s %s\n' "$(flat "$target" "$link")" "$wrap"
    all="$all \$out/tests/$name.wasm"
}

test_programs() {
    all=
    test_flags=$(flat "$target" "-include tests/wasm/shim/system.h -Itests/wasm/shim" \
        "$include -Itests -w -D_GNU_SOURCE" \
        "-D_WASI_EMULATED_PROCESS_CLOCKS -D_WASI_EMULATED_GETPID -D_WASI_EMULATED_SIGNAL")
    printf 'build $out/tests/obj/shim.o: cc tests/wasm/shim/shim.c\n flags = -O1 %s\n' "$test_flags"
    for source in $planted; do
        printf 'build $out/tests/planted/%s.o: cc %s\n flags = -Oz %s -DRAUM_FENCE_PLANTS\n' \
            "${source%.c}" "$source" "$(flat "$engine_flags" "-Itests")"
    done
    while IFS=: read -r name files; do
        # shellcheck disable=SC2086
        [ -z "$name" ] || program "$name" $files
    done <<END
$programs
END
    printf 'build tests: phony %s\n' "$all"
}
