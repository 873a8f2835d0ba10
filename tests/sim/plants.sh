#!/bin/sh
# plants PROGRAM: every planted bug of sync (src/base/plant.h) is found within a few seeds; without
# one nothing is found.
set -u
sim=$1
failed=0
RAUM_PLANT=0 "$sim" 1 2 100 >/dev/null ||
    { echo 'a difference without a plant'; exit 1; }
plant=1
while [ $plant -le 12 ]; do
    said=$(RAUM_PLANT=$plant "$sim" 1 40 150 2>&1)
    code=$?
    case $code:$said in
    1:*"sim: seed "*) echo "plant $plant: $(echo "$said" | grep -m1 '^sim: ' | cut -c1-90)" ;;
    *) echo "plant $plant is not found (status $code): $said"; failed=1 ;;
    esac
    plant=$((plant + 1))
done
exit $failed
