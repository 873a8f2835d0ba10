#!/bin/sh
# plants PROGRAM [SEEDS]: every planted bug of sync (src/base/plant.h) is found within so many seeds
# (48); without one nothing is found. Says in which seed, and why.
set -u
sim=$1
seeds=${2:-48}
failed=0
export RAUM_SIM_QUICK=1
count=$(sed -n '/PLANT_RELAY_ROLE/,/PLANTS_SYNC/p' "$(dirname "$0")/../../src/base/plant.h" |
    grep -c '^    PLANT_')
RAUM_PLANT=0 "$sim" 1 8 >/dev/null ||
    { echo 'a difference without a plant'; exit 1; }
plant=1
while [ $plant -le "$count" ]; do
    said=$(RAUM_PLANT=$plant "$sim" 1 "$seeds" 2>&1)
    code=$?
    case $code:$said in
    1:*"sim: seed "*) echo "plant $plant: $(echo "$said" | grep -m1 '^sim: ' | cut -c6-100)" ;;
    *) echo "plant $plant is not found (status $code): $said"; failed=1 ;;
    esac
    plant=$((plant + 1))
done
exit $failed
