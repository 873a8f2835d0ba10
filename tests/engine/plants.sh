#!/bin/sh
# plants PROGRAM: every planted bug (src/base/plant.h) is found by the model within 20,000
# operations, and by a
# difference it tells of, not by falling over; without one it finds nothing.
set -u
model=$1
export RAUM_SEEDS=4 RAUM_OPS=5000
unset RAUM_SEED
failed=0
count=$("$model" plants)
test "$count" -ge 6 || { echo "only $count plants"; exit 1; }
RAUM_PLANT=0 RAUM_SEEDS=1 "$model" || { echo "a difference without a plant"; exit 1; }
plant=1
while [ "$plant" -le "$count" ]; do
    said=$(RAUM_PLANT=$plant "$model" 2>&1)
    code=$?
    case $code:$said in
    1:*"model: seed "*) echo "plant $plant: $(echo "$said" | grep -m1 '^model: ' | cut -c1-90)" ;;
    *) echo "plant $plant is not found (status $code): $said"; failed=1 ;;
    esac
    plant=$((plant + 1))
done
exit $failed
