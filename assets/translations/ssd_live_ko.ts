<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="ko_KR" sourcelanguage="en">
<context>
    <name>Adding</name>
    <message>
        <source>Added {name} to the project</source>
        <translation>{name}을(를) 프로젝트에 추가했습니다</translation>
    </message>
    <message>
        <source>Adding images …</source>
        <translation>이미지를 추가하는 중…</translation>
    </message>
    <message>
        <source>An image that looks the same is in the project already</source>
        <translation>같아 보이는 이미지가 이미 프로젝트에 있습니다</translation>
    </message>
    <message>
        <source>Images are being added; try again after that</source>
        <translation>이미지를 추가하는 중입니다. 끝난 뒤 다시 시도하십시오</translation>
    </message>
    <message numerus="yes">
        <source>%n near-duplicate(s) left out</source>
        <translation>
            <numerusform>비슷한 이미지 %n개는 제외했습니다</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Added %n image(s)</source>
        <translation>
            <numerusform>이미지 %n개를 추가했습니다</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>with %n labelled object(s)</source>
        <translation>
            <numerusform>(라벨이 있는 객체 %n개 포함)</numerusform>
        </translation>
    </message>
    <message>
        <source>Adding images: {count} so far</source>
        <translation>이미지를 추가하는 중: 지금까지 {count}개</translation>
    </message>
</context>
<context>
    <name>BenchDialog</name>
    <message>
        <source>Sample clip</source>
        <translation>예제 영상</translation>
    </message>
    <message>
        <source>Test pattern, 1920 x 1080</source>
        <translation>테스트 패턴, 1920 x 1080</translation>
    </message>
    <message>
        <source>Measures FPS, latency and the cost of each stage in about 30 seconds. The video is paused meanwhile.</source>
        <translation>약 30초 동안 FPS와 지연 시간, 각 단계의 비용을 측정합니다. 그동안 영상은 일시 정지됩니다.</translation>
    </message>
    <message>
        <source>&amp;Save report…</source>
        <translation>보고서 저장(&amp;S)…</translation>
    </message>
    <message>
        <source>&amp;Source</source>
        <translation>소스(&amp;S)</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>모델</translation>
    </message>
    <message>
        <source>&amp;Cancel</source>
        <translation>취소(&amp;C)</translation>
    </message>
    <message>
        <source>The measurement is finished. Other programs affect the results, so compare only numbers of the same run.</source>
        <translation>측정했습니다. 다른 프로그램이 결과에 영향을 주므로, 한 번의 측정에서 나온 값끼리만 비교하십시오.</translation>
    </message>
    <message>
        <source>Save report</source>
        <translation>보고서 저장</translation>
    </message>
    <message>
        <source>{path} cannot be written ({reason}); choose another place</source>
        <translation>{path}에 쓸 수 없습니다({reason}). 다른 위치를 선택하십시오</translation>
    </message>
    <message>
        <source>Saved {path}</source>
        <translation>{path}에 저장했습니다</translation>
    </message>
    <message>
        <source>&amp;Start</source>
        <translation>시작(&amp;S)</translation>
    </message>
    <message>
        <source>Benchmark</source>
        <translation>벤치마크</translation>
    </message>
    <message>
        <source>Report</source>
        <translation>보고서</translation>
    </message>
    <message>
        <source>The benchmark failed. Run the command `bench` in a terminal to see why.</source>
        <translation>벤치마크에 실패했습니다. 원인을 보려면 터미널에서 `bench` 명령을 실행하세요.</translation>
    </message>
</context>
<context>
    <name>AboutDialog</name>
    <message>
        <source>About ssd_live</source>
        <translation>ssd_live 정보</translation>
    </message>
    <message>
        <source>Real-time object detection with SSD (Single Shot MultiBox Detector, Liu et al. 2016). Apache-2.0.</source>
        <translation>SSD(Single Shot MultiBox Detector, Liu et al. 2016)를 이용한 실시간 객체 검출 프로그램입니다. Apache-2.0.</translation>
    </message>
    <message>
        <source>Package</source>
        <translation>패키지</translation>
    </message>
    <message>
        <source>Version</source>
        <translation>버전</translation>
    </message>
    <message>
        <source>Licence</source>
        <translation>라이선스</translation>
    </message>
    <message>
        <source>Qt {version}. The licences of bundled models and media are in NOTICE.</source>
        <translation>Qt {version}. 함께 제공되는 모델과 미디어의 라이선스는 NOTICE 파일에 있습니다.</translation>
    </message>
</context>
<context>
    <name>Actions</name>
    <message>
        <source>Measure FPS and latency on this machine</source>
        <translation>이 컴퓨터에서 FPS와 지연 시간을 측정합니다</translation>
    </message>
    <message>
        <source>&amp;Find the fastest backend</source>
        <translation>가장 빠른 백엔드 찾기(&amp;F)</translation>
    </message>
    <message>
        <source>Measure all backends for the current model, and use the fastest</source>
        <translation>현재 모델로 모든 백엔드를 측정하고 가장 빠른 것을 사용합니다</translation>
    </message>
    <message>
        <source>Open &amp;file…</source>
        <translation>파일 열기(&amp;F)…</translation>
    </message>
    <message>
        <source>Open a video or an image</source>
        <translation>동영상이나 이미지 파일을 엽니다</translation>
    </message>
    <message>
        <source>Open f&amp;older of images…</source>
        <translation>이미지 폴더 열기(&amp;O)…</translation>
    </message>
    <message>
        <source>Show the images of a folder one after another</source>
        <translation>폴더에 있는 이미지를 차례로 표시합니다</translation>
    </message>
    <message>
        <source>Open &amp;address…</source>
        <translation>주소 열기(&amp;A)…</translation>
    </message>
    <message>
        <source>Open a network camera: rtsp:// or http://</source>
        <translation>네트워크 카메라를 엽니다: rtsp:// 또는 http://</translation>
    </message>
    <message>
        <source>&amp;Screen</source>
        <translation>화면(&amp;S)</translation>
    </message>
    <message>
        <source>Use the desktop as the source</source>
        <translation>데스크톱 화면을 소스로 사용합니다</translation>
    </message>
    <message>
        <source>&amp;Test pattern</source>
        <translation>테스트 패턴(&amp;T)</translation>
    </message>
    <message>
        <source>Show a generated video of moving objects cut from photos</source>
        <translation>사진에서 오려 낸 물체가 움직이는 영상을 만들어 표시합니다</translation>
    </message>
    <message>
        <source>&amp;Export annotated copy…</source>
        <translation>검출 결과 영상 내보내기(&amp;E)…</translation>
    </message>
    <message>
        <source>Save a copy of the current file with boxes on every frame</source>
        <translation>현재 파일의 모든 프레임에 상자를 그린 사본을 저장합니다</translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation>종료(&amp;Q)</translation>
    </message>
    <message>
        <source>Close the window</source>
        <translation>창을 닫습니다</translation>
    </message>
    <message>
        <source>&amp;Play or pause</source>
        <translation>재생/일시 정지(&amp;P)</translation>
    </message>
    <message>
        <source>Play or pause</source>
        <translation>재생하거나 일시 정지합니다</translation>
    </message>
    <message>
        <source>Step &amp;back</source>
        <translation>이전 프레임(&amp;B)</translation>
    </message>
    <message>
        <source>Previous frame</source>
        <translation>이전 프레임으로 이동합니다</translation>
    </message>
    <message>
        <source>&amp;Step</source>
        <translation>다음 프레임(&amp;S)</translation>
    </message>
    <message>
        <source>Next frame</source>
        <translation>다음 프레임으로 이동합니다</translation>
    </message>
    <message>
        <source>5 seconds back</source>
        <translation>5초 뒤로</translation>
    </message>
    <message>
        <source>Seek 5 seconds back</source>
        <translation>5초 뒤로 이동합니다</translation>
    </message>
    <message>
        <source>5 seconds forward</source>
        <translation>5초 앞으로</translation>
    </message>
    <message>
        <source>Seek 5 seconds forward</source>
        <translation>5초 앞으로 이동합니다</translation>
    </message>
    <message>
        <source>&amp;Loop</source>
        <translation>반복 재생(&amp;L)</translation>
    </message>
    <message>
        <source>Repeat the file when it ends</source>
        <translation>파일이 끝나면 반복하여 재생합니다</translation>
    </message>
    <message>
        <source>&amp;Mirror the camera</source>
        <translation>카메라 좌우 반전(&amp;M)</translation>
    </message>
    <message>
        <source>Flip the video of a camera left to right</source>
        <translation>카메라 영상의 좌우를 뒤집어 표시합니다</translation>
    </message>
    <message>
        <source>&amp;Record</source>
        <translation>녹화(&amp;R)</translation>
    </message>
    <message>
        <source>Record the displayed frames and their detections</source>
        <translation>표시되는 프레임과 그 검출 결과를 녹화합니다</translation>
    </message>
    <message>
        <source>Record with &amp;boxes</source>
        <translation>상자를 포함하여 녹화(&amp;B)</translation>
    </message>
    <message>
        <source>Draw boxes in recordings</source>
        <translation>녹화 영상에 상자를 그려 넣습니다</translation>
    </message>
    <message>
        <source>&amp;Save snapshot</source>
        <translation>스냅샷 저장(&amp;S)</translation>
    </message>
    <message>
        <source>Save the current frame with its boxes as a PNG file</source>
        <translation>현재 프레임을 상자와 함께 PNG 파일로 저장합니다</translation>
    </message>
    <message>
        <source>Copy the current frame with its boxes to the clipboard</source>
        <translation>현재 프레임을 상자와 함께 클립보드에 복사합니다</translation>
    </message>
    <message>
        <source>Folder for recordings and snapshots…</source>
        <translation>녹화 및 스냅샷 저장 폴더…</translation>
    </message>
    <message>
        <source>Choose the folder for recordings and snapshots</source>
        <translation>녹화 파일과 스냅샷을 저장할 폴더를 선택합니다</translation>
    </message>
    <message>
        <source>&amp;Full screen</source>
        <translation>전체 화면(&amp;F)</translation>
    </message>
    <message>
        <source>Show only the video; press Escape to exit</source>
        <translation>영상만 표시합니다. Esc 키를 누르면 돌아갑니다</translation>
    </message>
    <message>
        <source>Exit full screen</source>
        <translation>전체 화면 끝내기</translation>
    </message>
    <message>
        <source>Return to the window</source>
        <translation>창 모드로 돌아갑니다</translation>
    </message>
    <message>
        <source>&amp;Maximise this source</source>
        <translation>이 소스 최대화(&amp;M)</translation>
    </message>
    <message>
        <source>Show only the selected source, or show all sources; a double click does the same</source>
        <translation>선택한 소스만 표시하거나 모든 소스를 표시합니다. 더블 클릭해도 됩니다</translation>
    </message>
    <message>
        <source>&amp;Next source</source>
        <translation>다음 소스(&amp;N)</translation>
    </message>
    <message>
        <source>Select the next source; you can also click on a source</source>
        <translation>다음 소스를 선택합니다. 소스를 클릭해도 선택됩니다</translation>
    </message>
    <message>
        <source>Zoom &amp;in</source>
        <translation>확대(&amp;I)</translation>
    </message>
    <message>
        <source>Zoom in, also with the mouse wheel; drag or press the arrow keys to move</source>
        <translation>확대합니다. 마우스 휠로도 확대할 수 있으며, 끌거나 방향키를 눌러 이동합니다</translation>
    </message>
    <message>
        <source>Zoom &amp;out</source>
        <translation>축소(&amp;O)</translation>
    </message>
    <message>
        <source>Zoom out</source>
        <translation>축소합니다</translation>
    </message>
    <message>
        <source>Fit to &amp;window</source>
        <translation>창에 맞추기(&amp;W)</translation>
    </message>
    <message>
        <source>Show the whole frame</source>
        <translation>프레임 전체를 표시합니다</translation>
    </message>
    <message>
        <source>S&amp;tatistics overlay</source>
        <translation>통계 오버레이(&amp;T)</translation>
    </message>
    <message>
        <source>Show frame rates and latency over the video</source>
        <translation>영상 위에 프레임 속도와 지연 시간을 표시합니다</translation>
    </message>
    <message>
        <source>&amp;Detection panel</source>
        <translation>검출 패널(&amp;D)</translation>
    </message>
    <message>
        <source>Settings of model, threshold and classes</source>
        <translation>모델, 임계값, 클래스를 설정합니다</translation>
    </message>
    <message>
        <source>&amp;Plots</source>
        <translation>그래프(&amp;P)</translation>
    </message>
    <message>
        <source>Plots of frame rates, latency, dropped frames, CPU and memory</source>
        <translation>프레임 속도, 지연 시간, 누락 프레임, CPU, 메모리 그래프를 표시합니다</translation>
    </message>
    <message>
        <source>&amp;Every frame</source>
        <translation>모든 프레임 표시(&amp;E)</translation>
    </message>
    <message>
        <source>Show every frame; boxes found on an earlier frame are dotted</source>
        <translation>모든 프레임을 표시합니다. 이전 프레임에서 찾은 상자는 점선으로 그립니다</translation>
    </message>
    <message>
        <source>Find sm&amp;all objects</source>
        <translation>작은 물체 찾기(&amp;A)</translation>
    </message>
    <message>
        <source>Look closer where something moves, and follow objects; takes up to three times as long</source>
        <translation>움직임이 있는 곳을 더 자세히 보고 물체를 추적합니다. 시간이 최대 세 배 걸립니다</translation>
    </message>
    <message>
        <source>Higher threshold</source>
        <translation>임계값 높이기</translation>
    </message>
    <message>
        <source>Show only detections with a higher score</source>
        <translation>점수가 더 높은 검출 결과만 표시합니다</translation>
    </message>
    <message>
        <source>Lower threshold</source>
        <translation>임계값 낮추기</translation>
    </message>
    <message>
        <source>Also show detections with a lower score</source>
        <translation>점수가 더 낮은 검출 결과도 표시합니다</translation>
    </message>
    <message>
        <source>Search classes</source>
        <translation>클래스 검색</translation>
    </message>
    <message>
        <source>Go to the search field for classes</source>
        <translation>클래스 검색란으로 이동합니다</translation>
    </message>
    <message>
        <source>&amp;Settings…</source>
        <translation>설정(&amp;S)…</translation>
    </message>
    <message>
        <source>Change the language, the colours and the frame rate limit</source>
        <translation>언어, 색상, 프레임 속도 제한을 변경합니다</translation>
    </message>
    <message>
        <source>&amp;Keyboard shortcuts</source>
        <translation>키보드 단축키(&amp;K)</translation>
    </message>
    <message>
        <source>Show all keyboard shortcuts</source>
        <translation>모든 키보드 단축키를 표시합니다</translation>
    </message>
    <message>
        <source>&amp;About ssd_live</source>
        <translation>ssd_live 정보(&amp;A)</translation>
    </message>
    <message>
        <source>Show versions and licences</source>
        <translation>버전과 라이선스를 표시합니다</translation>
    </message>
    <message>
        <source>Show every number over the video, not only the most important</source>
        <translation>가장 중요한 수치뿐 아니라 모든 수치를 영상 위에 표시합니다</translation>
    </message>
    <message>
        <source>F&amp;aster</source>
        <translation>빠르게(&amp;A)</translation>
    </message>
    <message>
        <source>Play at a higher speed</source>
        <translation>더 빠른 속도로 재생합니다</translation>
    </message>
    <message>
        <source>Play at a lower speed</source>
        <translation>더 느린 속도로 재생합니다</translation>
    </message>
    <message>
        <source>Slo&amp;wer</source>
        <translation>느리게(&amp;W)</translation>
    </message>
    <message>
        <source>Statisti&amp;cs in detail</source>
        <translation>자세한 통계(&amp;C)</translation>
    </message>
    <message>
        <source>O&amp;bject list</source>
        <translation>물체 목록(&amp;B)</translation>
    </message>
    <message>
        <source>List the objects that are followed, with pictures and times</source>
        <translation>추적하는 물체를 사진과 시각과 함께 나열합니다</translation>
    </message>
    <message>
        <source>&amp;Zones and counts</source>
        <translation>구역과 집계(&amp;Z)</translation>
    </message>
    <message>
        <source>Draw lines and areas, and count who crosses and stays</source>
        <translation>선과 영역을 그리고 넘어가거나 머무는 물체를 셉니다</translation>
    </message>
    <message>
        <source>&amp;Heat map</source>
        <translation>히트맵(&amp;H)</translation>
    </message>
    <message>
        <source>Show where objects stood since the source was opened</source>
        <translation>소스를 연 뒤로 물체가 있던 곳을 표시합니다</translation>
    </message>
    <message>
        <source>Follow ob&amp;jects</source>
        <translation>물체 추적(&amp;J)</translation>
    </message>
    <message>
        <source>Give objects numbers and steady boxes, and show where they came from</source>
        <translation>물체에 번호와 흔들림 없는 상자를 주고 지나온 길을 표시합니다</translation>
    </message>
    <message>
        <source>&amp;Benchmark…</source>
        <translation>벤치마크(&amp;B)…</translation>
    </message>
    <message>
        <source>&amp;Copy frame</source>
        <translation>프레임 복사(&amp;C)</translation>
    </message>
    <message>
        <source>Clear recent sources</source>
        <translation>최근 소스 지우기</translation>
    </message>
    <message>
        <source>Close the selected source</source>
        <translation>선택한 소스를 닫습니다</translation>
    </message>
    <message>
        <source>Forget the recent sources</source>
        <translation>최근 소스 목록을 지웁니다</translation>
    </message>
    <message>
        <source>Open a &amp;model…</source>
        <translation>모델 열기(&amp;M)…</translation>
    </message>
    <message>
        <source>Play the clip that comes with the program</source>
        <translation>프로그램에 들어 있는 영상을 재생합니다</translation>
    </message>
    <message>
        <source>Put the window and its panels back at their first places</source>
        <translation>창과 패널을 처음 위치로 되돌립니다</translation>
    </message>
    <message>
        <source>Reset &amp;layout</source>
        <translation>배치 초기화(&amp;L)</translation>
    </message>
    <message>
        <source>Show one more source beside the others</source>
        <translation>다른 소스 옆에 소스를 하나 더 표시합니다</translation>
    </message>
    <message>
        <source>Use a model file (.onnx)</source>
        <translation>모델 파일(.onnx)을 사용합니다</translation>
    </message>
    <message>
        <source>A&amp;dd a source</source>
        <translation>소스 추가(&amp;D)</translation>
    </message>
    <message>
        <source>Close so&amp;urce</source>
        <translation>소스 닫기(&amp;U)</translation>
    </message>
    <message>
        <source>Sample c&amp;lip</source>
        <translation>샘플 영상(&amp;L)</translation>
    </message>
    <message>
        <source>S&amp;how the folder</source>
        <translation>폴더 보기(&amp;H)</translation>
    </message>
    <message>
        <source>Show the folder of recordings and snapshots</source>
        <translation>녹화와 스냅샷 폴더를 엽니다</translation>
    </message>
    <message>
        <source>Find a&amp;gain…</source>
        <translation>다시 찾기(&amp;G)…</translation>
    </message>
    <message>
        <source>Search what recordings and processed videos showed</source>
        <translation>녹화와 처리한 영상에 나온 물체를 찾습니다</translation>
    </message>
    <message>
        <source>Show under a file when its objects were there</source>
        <translation>파일 아래에 물체가 언제 있었는지 보여 줍니다</translation>
    </message>
    <message>
        <source>Timeline &amp;under a file</source>
        <translation>파일 아래의 타임라인(&amp;U)</translation>
    </message>
    <message>
        <source>&amp;Rules and events</source>
        <translation>규칙과 이벤트(&amp;R)</translation>
    </message>
    <message>
        <source>Make rules of what must happen at zones, and list their events</source>
        <translation>구역에서 무슨 일이 일어나야 하는지 규칙을 만들고 이벤트를 나열합니다</translation>
    </message>
    <message>
        <source>&amp;Hide objects in a copy…</source>
        <translation>사본에서 물체 가리기(&amp;H)…</translation>
    </message>
    <message>
        <source>Save a copy of the current file in which people do not show</source>
        <translation>사람이 보이지 않는 현재 파일의 사본을 저장합니다</translation>
    </message>
    <message>
        <source>&amp;Add the frame to the project</source>
        <translation>프레임을 프로젝트에 추가(&amp;A)</translation>
    </message>
    <message>
        <source>&amp;Open a project…</source>
        <translation>프로젝트 열기(&amp;O)…</translation>
    </message>
    <message>
        <source>Open the folder of a project with your own objects</source>
        <translation>자신의 객체가 있는 프로젝트 폴더를 엽니다</translation>
    </message>
    <message>
        <source>Put the frame that is shown into the project, to label it</source>
        <translation>표시된 프레임을 프로젝트에 넣어 라벨을 붙입니다</translation>
    </message>
    <message>
        <source>&amp;Collect a frame every 2 seconds</source>
        <translation>2초마다 프레임 모으기(&amp;C)</translation>
    </message>
    <message>
        <source>Collect frames when the model is &amp;unsure</source>
        <translation>모델이 확신하지 못하는 프레임 모으기(&amp;U)</translation>
    </message>
    <message>
        <source>Put a frame into the project every 2 seconds, to label it later</source>
        <translation>2초마다 프레임을 프로젝트에 넣어 나중에 라벨을 붙입니다</translation>
    </message>
    <message>
        <source>Put frames into the project of which the model is unsure</source>
        <translation>모델이 확신하지 못하는 프레임을 프로젝트에 넣습니다</translation>
    </message>
    <message>
        <source>&amp;New project: teach your own objects…</source>
        <translation>새 프로젝트: 자신의 객체 가르치기(&amp;N)…</translation>
    </message>
    <message>
        <source>Collect images, label them, train a detector, and use it</source>
        <translation>이미지를 모으고 라벨을 붙이고 검출기를 학습시켜 사용합니다</translation>
    </message>
    <message>
        <source>M&amp;ute</source>
        <translation>음소거(&amp;U)</translation>
    </message>
    <message>
        <source>Silence the sound of the file</source>
        <translation>파일의 소리를 끕니다</translation>
    </message>
    <message>
        <source>Louder</source>
        <translation>더 크게</translation>
    </message>
    <message>
        <source>Raise the volume</source>
        <translation>소리를 키웁니다</translation>
    </message>
    <message>
        <source>Quieter</source>
        <translation>더 작게</translation>
    </message>
    <message>
        <source>Lower the volume</source>
        <translation>소리를 줄입니다</translation>
    </message>
</context>
<context>
    <name>DetectionPanel</name>
    <message>
        <source>Minimum score</source>
        <translation>최소 점수</translation>
    </message>
    <message>
        <source>Class and score</source>
        <translation>클래스와 점수</translation>
    </message>
    <message>
        <source>Class</source>
        <translation>클래스</translation>
    </message>
    <message>
        <source>No labels</source>
        <translation>레이블 없음</translation>
    </message>
    <message>
        <source>Text on each box</source>
        <translation>상자에 표시할 내용</translation>
    </message>
    <message>
        <source> px</source>
        <translation> px</translation>
    </message>
    <message>
        <source>Line width of the boxes</source>
        <translation>상자의 선 두께</translation>
    </message>
    <message>
        <source>&amp;Threshold</source>
        <translation>임계값(&amp;T)</translation>
    </message>
    <message>
        <source>&amp;Labels</source>
        <translation>레이블(&amp;L)</translation>
    </message>
    <message>
        <source>Line &amp;width</source>
        <translation>선 두께(&amp;W)</translation>
    </message>
</context>
<context>
    <name>CaptureActions</name>
    <message>
        <source>Cancel export</source>
        <translation>내보내기 취소</translation>
    </message>
    <message numerus="yes">
        <source>Recorded {seconds} s, %n frame(s), to {path}</source>
        <translation>
            <numerusform>{seconds}초, 프레임 %n개를 녹화했습니다: {path}</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n frame(s) lost because writing was too slow</source>
        <translation>
            <numerusform>기록 속도가 느려 프레임 %n개를 잃었습니다</numerusform>
        </translation>
    </message>
    <message>
        <source>Saved {path}</source>
        <translation>저장했습니다: {path}</translation>
    </message>
    <message>
        <source>Folder for recordings and snapshots</source>
        <translation>녹화 및 스냅샷 저장 폴더</translation>
    </message>
    <message>
        <source>An export is already running; wait until it ends or cancel it</source>
        <translation>이미 내보내는 중입니다. 끝날 때까지 기다리거나 취소하십시오</translation>
    </message>
    <message>
        <source>Only a video file can be exported; record a camera or a stream instead</source>
        <translation>동영상 파일만 내보낼 수 있습니다. 카메라나 스트림은 녹화해 주십시오</translation>
    </message>
    <message>
        <source>Export annotated copy</source>
        <translation>검출 결과 영상 내보내기</translation>
    </message>
    <message>
        <source>Exported to {path}</source>
        <translation>내보냈습니다: {path}</translation>
    </message>
    <message>
        <source>Show in folder</source>
        <translation>폴더에서 보기</translation>
    </message>
    <message>
        <source>An export is running. Stop it and close the window? The frames written so far stay in a .part file.</source>
        <translation>내보내기가 진행 중입니다. 중지하고 창을 닫을까요? 지금까지 쓴 프레임은 .part 파일에 남습니다.</translation>
    </message>
    <message>
        <source>%p % · {time} left</source>
        <translation>%p % · {time} 남음</translation>
    </message>
    <message>
        <source>Frame copied to the clipboard</source>
        <translation>프레임을 클립보드에 복사했습니다</translation>
    </message>
    <message>
        <source>Cancelling …</source>
        <translation>취소하는 중 …</translation>
    </message>
    <message>
        <source>Keep exporting</source>
        <translation>계속 내보내기</translation>
    </message>
    <message>
        <source>No program here shows the folder {path}</source>
        <translation>{path} 폴더를 열 프로그램이 없습니다</translation>
    </message>
    <message>
        <source>Stop and close</source>
        <translation>중지하고 닫기</translation>
    </message>
    <message>
        <source>There is no video to record</source>
        <translation>녹화할 영상이 없습니다</translation>
    </message>
    <message>
        <source>There is no video to save a frame of</source>
        <translation>저장할 프레임이 없습니다</translation>
    </message>
    <message>
        <source>The folder is {path}</source>
        <translation>폴더는 {path}입니다</translation>
    </message>
</context>
<context>
    <name>Docks</name>
    <message>
        <source>Zones</source>
        <translation>구역</translation>
    </message>
    <message>
        <source>Detection</source>
        <translation>검출</translation>
    </message>
    <message>
        <source>Objects</source>
        <translation>물체</translation>
    </message>
    <message>
        <source>Plots</source>
        <translation>그래프</translation>
    </message>
    <message>
        <source>Events</source>
        <translation>이벤트</translation>
    </message>
</context>
<context>
    <name>Menus</name>
    <message>
        <source>&amp;Source</source>
        <translation>소스(&amp;S)</translation>
    </message>
    <message>
        <source>&amp;Playback</source>
        <translation>재생(&amp;P)</translation>
    </message>
    <message>
        <source>&amp;Record</source>
        <translation>녹화(&amp;R)</translation>
    </message>
    <message>
        <source>&amp;View</source>
        <translation>보기(&amp;V)</translation>
    </message>
    <message>
        <source>&amp;Help</source>
        <translation>도움말(&amp;H)</translation>
    </message>
    <message>
        <source>Export</source>
        <translation>내보내기</translation>
    </message>
    <message>
        <source>Full screen</source>
        <translation>전체 화면</translation>
    </message>
    <message>
        <source>Network camera</source>
        <translation>네트워크 카메라</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>열기</translation>
    </message>
    <message>
        <source>Record</source>
        <translation>녹화</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>설정</translation>
    </message>
    <message>
        <source>Snapshot</source>
        <translation>스냅샷</translation>
    </message>
    <message>
        <source>Tool bar</source>
        <translation>도구 모음</translation>
    </message>
    <message>
        <source>Add</source>
        <translation>추가</translation>
    </message>
    <message>
        <source>T&amp;ools</source>
        <translation>도구(&amp;O)</translation>
    </message>
    <message>
        <source>Find again</source>
        <translation>다시 찾기</translation>
    </message>
</context>
<context>
    <name>ModelController</name>
    <message>
        <source>Loading {network} …</source>
        <translation>{network} 불러오는 중…</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>모델</translation>
    </message>
    <message>
        <source>Open a model</source>
        <translation>모델 열기</translation>
    </message>
</context>
<context>
    <name>NumbersPanel</name>
    <message>
        <source>Frame rate</source>
        <translation>프레임 속도</translation>
    </message>
    <message>
        <source>Time by stage</source>
        <translation>단계별 시간</translation>
    </message>
    <message>
        <source>CPU</source>
        <translation>CPU</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>메모리</translation>
    </message>
    <message>
        <source>captured</source>
        <translation>캡처</translation>
    </message>
    <message>
        <source>inferred</source>
        <translation>추론</translation>
    </message>
    <message>
        <source>shown</source>
        <translation>표시</translation>
    </message>
    <message>
        <source>read</source>
        <translation>읽기</translation>
    </message>
    <message>
        <source>resize</source>
        <translation>크기 조정</translation>
    </message>
    <message>
        <source>inference</source>
        <translation>추론</translation>
    </message>
    <message>
        <source>render</source>
        <translation>렌더링</translation>
    </message>
    <message>
        <source>capture to screen</source>
        <translation>캡처에서 표시까지</translation>
    </message>
    <message>
        <source>inference busy</source>
        <translation>추론 지연</translation>
    </message>
    <message>
        <source>rendering busy</source>
        <translation>렌더링 지연</translation>
    </message>
    <message>
        <source>display busy</source>
        <translation>표시 지연</translation>
    </message>
    <message>
        <source>not visible</source>
        <translation>보이지 않음</translation>
    </message>
    <message>
        <source>rate cap</source>
        <translation>속도 제한</translation>
    </message>
    <message>
        <source>paused</source>
        <translation>일시 정지</translation>
    </message>
    <message>
        <source>source changed</source>
        <translation>소스 변경</translation>
    </message>
    <message>
        <source>memory</source>
        <translation>메모리</translation>
    </message>
    <message>
        <source>Dropped frames per second</source>
        <translation>초당 버려진 프레임</translation>
    </message>
    <message>
        <source>Objects that are shown</source>
        <translation>표시된 객체</translation>
    </message>
    <message>
        <source>objects</source>
        <translation>객체</translation>
    </message>
</context>
<context>
    <name>PreferencesDialog</name>
    <message>
        <source>Settings</source>
        <translation>설정</translation>
    </message>
    <message>
        <source>System default</source>
        <translation>시스템 기본값</translation>
    </message>
    <message>
        <source>Light</source>
        <translation>밝게</translation>
    </message>
    <message>
        <source>Dark</source>
        <translation>어둡게</translation>
    </message>
    <message>
        <source>no limit</source>
        <translation>제한 없음</translation>
    </message>
    <message>
        <source>none</source>
        <translation>없음</translation>
    </message>
    <message>
        <source> s</source>
        <translation>초</translation>
    </message>
    <message>
        <source>How much of its way is shown behind a followed object</source>
        <translation>추적 중인 물체 뒤에 표시할 지나온 길의 길이</translation>
    </message>
    <message>
        <source>Detect less often where nothing moves</source>
        <translation>움직임이 없으면 덜 자주 감지</translation>
    </message>
    <message>
        <source>Saves power while objects are followed (T); something new waits 0.4 s at most</source>
        <translation>물체를 추적하는 동안(T) 전력을 절약합니다. 새 물체는 늦어도 0.4초 안에 감지됩니다</translation>
    </message>
    <message>
        <source> FPS</source>
        <translation> FPS</translation>
    </message>
    <message>
        <source>Process no more frames per second than this, to save power</source>
        <translation>초당 처리할 프레임 수를 제한하여 전력을 절약합니다</translation>
    </message>
    <message>
        <source>&amp;Language</source>
        <translation>언어(&amp;L)</translation>
    </message>
    <message>
        <source>&amp;Frame rate limit</source>
        <translation>프레임 속도 제한(&amp;F)</translation>
    </message>
    <message>
        <source>Way &amp;behind objects</source>
        <translation>지나온 길(&amp;B)</translation>
    </message>
    <message>
        <source>Language changes take effect after a restart.</source>
        <translation>변경한 언어는 다시 시작한 후에 적용됩니다.</translation>
    </message>
    <message>
        <source>&amp;Model at the start</source>
        <translation>시작할 때의 모델(&amp;M)</translation>
    </message>
    <message>
        <source>&amp;Theme</source>
        <translation>테마(&amp;T)</translation>
    </message>
    <message>
        <source>&amp;When the program starts, open</source>
        <translation>프로그램을 시작할 때 열기(&amp;W)</translation>
    </message>
    <message>
        <source>Choose…</source>
        <translation>선택…</translation>
    </message>
    <message>
        <source>Clear recent sources</source>
        <translation>최근 소스 지우기</translation>
    </message>
    <message>
        <source>Draw boxes in recordings</source>
        <translation>녹화에 상자 그리기</translation>
    </message>
    <message>
        <source>F&amp;older for recordings</source>
        <translation>녹화 폴더(&amp;O)</translation>
    </message>
    <message>
        <source>First camera, or the sample clip</source>
        <translation>첫 번째 카메라 또는 샘플 영상</translation>
    </message>
    <message>
        <source>Folder for recordings and snapshots</source>
        <translation>녹화와 스냅샷 폴더</translation>
    </message>
    <message>
        <source>Nothing: let me choose</source>
        <translation>열지 않음: 직접 선택</translation>
    </message>
    <message>
        <source>Reset layout</source>
        <translation>배치 초기화</translation>
    </message>
    <message>
        <source>What was open last</source>
        <translation>마지막으로 열었던 것</translation>
    </message>
    <message>
        <source>Find again what recordings show</source>
        <translation>녹화에 나온 물체를 다시 찾을 수 있게 하기</translation>
    </message>
    <message>
        <source>Keeps a list with small pictures of the objects that were followed</source>
        <translation>추적한 물체의 목록을 작은 그림과 함께 보관합니다</translation>
    </message>
    <message>
        <source>&amp;Hide objects of</source>
        <translation>가릴 물체(&amp;H)</translation>
    </message>
    <message>
        <source>How they are hi&amp;dden</source>
        <translation>가리는 방법(&amp;D)</translation>
    </message>
    <message>
        <source>nothing; for example: Person, Car</source>
        <translation>없음. 예: Person, Car</translation>
    </message>
    <message>
        <source>Objects of these classes are hidden in what is shown, recorded and kept</source>
        <translation>이 클래스의 물체를 보이고 녹화하고 보관하는 모든 것에서 가립니다</translation>
    </message>
    <message>
        <source>Black, which cannot be undone</source>
        <translation>검정, 되돌릴 수 없음</translation>
    </message>
    <message>
        <source>Pixelated</source>
        <translation>모자이크</translation>
    </message>
    <message>
        <source>Blurred</source>
        <translation>흐림</translation>
    </message>
</context>
<context>
    <name>Readout</name>
    <message>
        <source>{shown} FPS shown, {captured} captured</source>
        <translation>표시 {shown} FPS, 캡처 {captured}</translation>
    </message>
    <message numerus="yes">
        <source>%n frame(s) dropped</source>
        <translation>
            <numerusform>프레임 %n개 누락</numerusform>
        </translation>
    </message>
    <message>
        <source>99 % of the frames within {p99} ms</source>
        <translation>프레임의 99 %가 {p99} ms 이내</translation>
    </message>
    <message>
        <source>Loading model …</source>
        <translation>모델을 불러오는 중 …</translation>
    </message>
    <message>
        <source>No model is loaded</source>
        <translation>불러온 모델 없음</translation>
    </message>
    <message>
        <source>{display} FPS</source>
        <translation>{display} FPS</translation>
    </message>
    <message>
        <source>{inference} inferred, {capture} captured per second</source>
        <translation>초당 추론 {inference}, 캡처 {capture}</translation>
    </message>
    <message>
        <source>{latency} ms</source>
        <translation>{latency} ms</translation>
    </message>
</context>
<context>
    <name>ShortcutsDialog</name>
    <message>
        <source>Keyboard shortcuts</source>
        <translation>키보드 단축키</translation>
    </message>
    <message>
        <source>Keys</source>
        <translation>키</translation>
    </message>
    <message>
        <source>Action</source>
        <translation>동작</translation>
    </message>
    <message>
        <source>Description</source>
        <translation>설명</translation>
    </message>
</context>
<context>
    <name>SourceMenus</name>
    <message>
        <source>&amp;Cameras</source>
        <translation>카메라(&amp;C)</translation>
    </message>
    <message>
        <source>&amp;Recent</source>
        <translation>최근 항목(&amp;R)</translation>
    </message>
    <message>
        <source>Videos and images</source>
        <translation>동영상 및 이미지</translation>
    </message>
    <message>
        <source>All files</source>
        <translation>모든 파일</translation>
    </message>
    <message>
        <source>Open file</source>
        <translation>파일 열기</translation>
    </message>
    <message>
        <source>Open folder of images</source>
        <translation>이미지 폴더 열기</translation>
    </message>
    <message>
        <source>Looking for cameras …</source>
        <translation>카메라를 찾는 중…</translation>
    </message>
    <message>
        <source>No camera is connected</source>
        <translation>연결된 카메라 없음</translation>
    </message>
    <message>
        <source>Best mode</source>
        <translation>최적 모드</translation>
    </message>
    <message>
        <source>{width} x {height} at {rate} FPS</source>
        <translation>{width} x {height}, {rate} FPS</translation>
    </message>
    <message>
        <source>No recent sources</source>
        <translation>최근 소스 없음</translation>
    </message>
    <message>
        <source>&amp;Screen</source>
        <translation>화면(&amp;S)</translation>
    </message>
    <message>
        <source>Monitor {number}: {width} x {height}</source>
        <translation>모니터 {number}: {width} x {height}</translation>
    </message>
    <message>
        <source>Region of monitor {number}…</source>
        <translation>모니터 {number}의 영역…</translation>
    </message>
    <message>
        <source>Region…</source>
        <translation>영역…</translation>
    </message>
    <message>
        <source>&amp;Window</source>
        <translation>창(&amp;W)</translation>
    </message>
    <message>
        <source>Looking for windows …</source>
        <translation>창을 찾는 중 …</translation>
    </message>
    <message>
        <source>No other windows</source>
        <translation>다른 창이 없음</translation>
    </message>
</context>
<context>
    <name>SourceStatus</name>
    <message>
        <source>Opening …</source>
        <translation>여는 중…</translation>
    </message>
    <message>
        <source>No camera found. Playing the sample clip.</source>
        <translation>카메라를 찾을 수 없어 샘플 영상을 재생합니다.</translation>
    </message>
    <message>
        <source>No signal {time}</source>
        <translation>신호 없음 {time}</translation>
    </message>
    <message>
        <source>No source</source>
        <translation>소스 없음</translation>
    </message>
    <message>
        <source>ended</source>
        <translation>끝</translation>
    </message>
    <message>
        <source>failed</source>
        <translation>실패</translation>
    </message>
    <message>
        <source>no signal</source>
        <translation>신호 없음</translation>
    </message>
    <message>
        <source>opening</source>
        <translation>여는 중</translation>
    </message>
    <message>
        <source>paused</source>
        <translation>일시 정지</translation>
    </message>
</context>
<context>
    <name>TransportBar</name>
    <message>
        <source>Position in the file</source>
        <translation>파일 안의 위치</translation>
    </message>
    <message>
        <source>Speed</source>
        <translation>속도</translation>
    </message>
</context>
<context>
    <name>VideoView</name>
    <message>
        <source>Video</source>
        <translation>영상</translation>
    </message>
    <message>
        <source>Paused</source>
        <translation>일시 정지</translation>
    </message>
</context>
<context>
    <name>ClassList</name>
    <message>
        <source>All</source>
        <translation>모두 선택</translation>
    </message>
    <message>
        <source>Check every class in the list</source>
        <translation>목록의 모든 클래스를 선택합니다</translation>
    </message>
    <message>
        <source>Classes</source>
        <translation>클래스</translation>
    </message>
    <message>
        <source>None</source>
        <translation>모두 해제</translation>
    </message>
    <message>
        <source>Only checked classes are shown; the number counts the objects that are seen</source>
        <translation>선택한 클래스만 표시되며, 숫자는 보이는 객체의 수입니다</translation>
    </message>
    <message>
        <source>Search classes</source>
        <translation>클래스 검색</translation>
    </message>
    <message>
        <source>Uncheck every class in the list</source>
        <translation>목록의 모든 클래스를 선택 해제합니다</translation>
    </message>
</context>
<context>
    <name>ModelBox</name>
    <message>
        <source>&amp;Backend</source>
        <translation>백엔드(&amp;B)</translation>
    </message>
    <message>
        <source>&amp;Model</source>
        <translation>모델(&amp;M)</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>취소</translation>
    </message>
    <message>
        <source>Keep the current model</source>
        <translation>현재 모델을 계속 사용합니다</translation>
    </message>
    <message>
        <source>Load the model again</source>
        <translation>모델을 다시 불러옵니다</translation>
    </message>
    <message>
        <source>Model that detects objects</source>
        <translation>객체를 검출하는 모델</translation>
    </message>
    <message>
        <source>No model is loaded</source>
        <translation>불러온 모델이 없습니다</translation>
    </message>
    <message>
        <source>Number format of the model; auto uses the fastest one that finds the same objects</source>
        <translation>연산에 쓰는 수 형식. auto를 선택하면 같은 객체를 찾는 것 중 가장 빠른 형식을 사용합니다</translation>
    </message>
    <message>
        <source>Pre&amp;cision</source>
        <translation>정밀도(&amp;C)</translation>
    </message>
    <message>
        <source>Retry</source>
        <translation>다시 시도</translation>
    </message>
    <message>
        <source>Show or hide the choice of model, backend and precision</source>
        <translation>모델, 백엔드, 정밀도 선택을 표시하거나 숨깁니다</translation>
    </message>
    <message>
        <source>{rate} FPS</source>
        <translation>{rate} FPS</translation>
    </message>
    <message>
        <source>Backend that runs the model; auto uses the fastest one that was measured</source>
        <translation>모델을 실행하는 백엔드입니다. auto는 측정된 것 중 가장 빠른 것을 사용합니다</translation>
    </message>
</context>
<context>
    <name>SignalPanel</name>
    <message>
        <source>Close source</source>
        <translation>소스 닫기</translation>
    </message>
    <message>
        <source>Retry</source>
        <translation>다시 시도</translation>
    </message>
</context>
<context>
    <name>_Notice</name>
    <message>
        <source>Close this message</source>
        <translation>이 메시지 닫기</translation>
    </message>
</context>
<context>
    <name>_Objects</name>
    <message>
        <source>{seconds} s</source>
        <translation>{seconds}초</translation>
    </message>
</context>
<context>
    <name>ObjectPanel</name>
    <message>
        <source>Objects</source>
        <translation>물체</translation>
    </message>
    <message>
        <source>Click on an object that is in the picture to follow it; in a file, click on another one to go to where it came in</source>
        <translation>화면에 있는 물체를 클릭하면 따라갑니다. 파일에서는 다른 물체를 클릭하면 처음 나타난 곳으로 갑니다</translation>
    </message>
    <message>
        <source>{here} here now, {all} seen</source>
        <translation>지금 {here}개, 전체 {all}개</translation>
    </message>
    <message>
        <source>Objects are listed while they are followed (key T)</source>
        <translation>물체를 추적하는 동안 여기에 나열됩니다(T 키)</translation>
    </message>
</context>
<context>
    <name>_TitleBar</name>
    <message>
        <source>Hide this panel</source>
        <translation>이 패널을 숨깁니다</translation>
    </message>
    <message>
        <source>Make this panel a window, or put it back</source>
        <translation>이 패널을 별도 창으로 만들거나 되돌립니다</translation>
    </message>
</context>
<context>
    <name>AddressDialog</name>
    <message>
        <source>&amp;Address</source>
        <translation>주소(&amp;A)</translation>
    </message>
    <message>
        <source>&amp;Password</source>
        <translation>암호(&amp;P)</translation>
    </message>
    <message>
        <source>&amp;User name</source>
        <translation>사용자 이름(&amp;U)</translation>
    </message>
    <message>
        <source>Examples: {examples}</source>
        <translation>예: {examples}</translation>
    </message>
    <message>
        <source>Network camera</source>
        <translation>네트워크 카메라</translation>
    </message>
    <message>
        <source>Without rtsp:// or http:// in front, rtsp:// is used.</source>
        <translation>앞에 rtsp:// 또는 http://가 없으면 rtsp://를 사용합니다.</translation>
    </message>
    <message>
        <source>only if the camera asks for it</source>
        <translation>카메라가 요구할 때만</translation>
    </message>
</context>
<context>
    <name>ContextMenu</name>
    <message>
        <source>Hide {name}</source>
        <translation>{name} 숨기기</translation>
    </message>
    <message>
        <source>Show all classes</source>
        <translation>모든 클래스 표시</translation>
    </message>
    <message>
        <source>Show only {name}</source>
        <translation>{name}만 표시</translation>
    </message>
</context>
<context>
    <name>ExportDialog</name>
    <message>
        <source> s</source>
        <translation> 초</translation>
    </message>
    <message>
        <source>&amp;Codec</source>
        <translation>코덱(&amp;C)</translation>
    </message>
    <message>
        <source>&amp;Effort</source>
        <translation>압축 강도(&amp;E)</translation>
    </message>
    <message>
        <source>&amp;File</source>
        <translation>파일(&amp;F)</translation>
    </message>
    <message>
        <source>Automatic</source>
        <translation>자동</translation>
    </message>
    <message>
        <source>Export</source>
        <translation>내보내기</translation>
    </message>
    <message>
        <source>Export annotated copy</source>
        <translation>주석 사본 내보내기</translation>
    </message>
    <message>
        <source>Fast, larger file</source>
        <translation>빠름, 큰 파일</translation>
    </message>
    <message>
        <source>From – to</source>
        <translation>시작 – 끝</translation>
    </message>
    <message>
        <source>Normal</source>
        <translation>보통</translation>
    </message>
    <message>
        <source>Only a part of the video</source>
        <translation>영상의 일부만</translation>
    </message>
    <message>
        <source>Small file, takes longer</source>
        <translation>작은 파일, 더 오래 걸림</translation>
    </message>
    <message>
        <source>The end of the part must be after its beginning.</source>
        <translation>끝은 시작보다 뒤여야 합니다.</translation>
    </message>
    <message>
        <source>Write the detections to a file too (.jsonl)</source>
        <translation>검출 결과도 파일(.jsonl)로 저장</translation>
    </message>
    <message>
        <source>Left out, because they are hidden: {names}</source>
        <translation>숨긴 클래스는 제외됩니다: {names}</translation>
    </message>
    <message>
        <source>Find its objects again (follows them, writes that file)</source>
        <translation>물체를 다시 찾을 수 있게 하기(추적하고 그 파일도 씁니다)</translation>
    </message>
</context>
<context>
    <name>ModelCard</name>
    <message>
        <source>Classes</source>
        <translation>클래스</translation>
    </message>
    <message>
        <source>Comes from</source>
        <translation>출처</translation>
    </message>
    <message>
        <source>File</source>
        <translation>파일</translation>
    </message>
    <message>
        <source>Frames for comparing backends</source>
        <translation>백엔드 비교용 프레임</translation>
    </message>
    <message>
        <source>Input</source>
        <translation>입력</translation>
    </message>
    <message>
        <source>Licence</source>
        <translation>라이선스</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>이름</translation>
    </message>
    <message>
        <source>Precision</source>
        <translation>정밀도</translation>
    </message>
    <message>
        <source>Trained on</source>
        <translation>학습 데이터</translation>
    </message>
    <message>
        <source>Use this model</source>
        <translation>이 모델 사용</translation>
    </message>
    <message>
        <source>Use this model?</source>
        <translation>이 모델을 사용할까요?</translation>
    </message>
    <message>
        <source>none</source>
        <translation>없음</translation>
    </message>
    <message>
        <source>{width} x {height} pixels</source>
        <translation>{width} x {height} 픽셀</translation>
    </message>
</context>
<context>
    <name>NameStrip</name>
    <message>
        <source>Close this source</source>
        <translation>이 소스 닫기</translation>
    </message>
</context>
<context>
    <name>RegionPicker</name>
    <message>
        <source>Draw a rectangle around the region</source>
        <translation>영역을 사각형으로 그리세요</translation>
    </message>
    <message>
        <source>Draw a rectangle around the region; press Escape to cancel</source>
        <translation>영역을 사각형으로 그리세요. 취소하려면 Esc를 누르세요</translation>
    </message>
</context>
<context>
    <name>WelcomePanel</name>
    <message>
        <source>Camera {index}</source>
        <translation>카메라 {index}</translation>
    </message>
    <message>
        <source>Network camera…</source>
        <translation>네트워크 카메라…</translation>
    </message>
    <message>
        <source>Recent</source>
        <translation>최근</translation>
    </message>
    <message>
        <source>Sample clip</source>
        <translation>샘플 영상</translation>
    </message>
    <message>
        <source>Screen…</source>
        <translation>화면…</translation>
    </message>
    <message>
        <source>Video or image file…</source>
        <translation>동영상 또는 이미지 파일…</translation>
    </message>
    <message>
        <source>What do you want to watch?</source>
        <translation>무엇을 볼까요?</translation>
    </message>
    <message>
        <source>You can also drop files here.</source>
        <translation>파일을 여기에 끌어다 놓아도 됩니다.</translation>
    </message>
</context>
<context>
    <name>SourceController</name>
    <message numerus="yes">
        <source>More than %n source(s) do not fit into the window</source>
        <translation>
            <numerusform>소스가 %n개를 넘으면 창에 들어가지 않습니다</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>CountList</name>
    <message>
        <source>Counts</source>
        <translation>집계</translation>
    </message>
    <message>
        <source>Y: this count is right; X: it is wrong; in a file, a double click goes there</source>
        <translation>Y: 맞는 집계, X: 틀린 집계. 파일에서는 두 번 클릭하면 그 순간으로 갑니다</translation>
    </message>
</context>
<context>
    <name>ZoneController</name>
    <message>
        <source>Import zones</source>
        <translation>구역 가져오기</translation>
    </message>
    <message>
        <source>Zones (*.json)</source>
        <translation>구역 (*.json)</translation>
    </message>
    <message>
        <source>Export zones</source>
        <translation>구역 내보내기</translation>
    </message>
    <message>
        <source>Write the table of counts</source>
        <translation>집계 표 쓰기</translation>
    </message>
    <message>
        <source>CSV (*.csv)</source>
        <translation>CSV 파일 (*.csv)</translation>
    </message>
    <message>
        <source>Written: {path}</source>
        <translation>썼습니다: {path}</translation>
    </message>
</context>
<context>
    <name>ZonePanel</name>
    <message>
        <source>Line</source>
        <translation>선</translation>
    </message>
    <message>
        <source>Draw a line that objects cross: two clicks</source>
        <translation>물체가 넘어가는 선을 그립니다. 두 번 클릭합니다</translation>
    </message>
    <message>
        <source>Area</source>
        <translation>영역</translation>
    </message>
    <message>
        <source>Draw an area: click its corners, then double-click or press Enter</source>
        <translation>영역을 그립니다. 모서리를 클릭하고 두 번 클릭하거나 Enter 키를 누릅니다</translation>
    </message>
    <message>
        <source>Mask</source>
        <translation>마스크</translation>
    </message>
    <message>
        <source>Draw a mask, in which nothing is detected: click its corners</source>
        <translation>아무것도 검출하지 않을 마스크를 그립니다. 모서리를 클릭합니다</translation>
    </message>
    <message>
        <source>Undo (Ctrl+Z)</source>
        <translation>실행 취소(Ctrl+Z)</translation>
    </message>
    <message>
        <source>Redo (Ctrl+Shift+Z)</source>
        <translation>다시 실행(Ctrl+Shift+Z)</translation>
    </message>
    <message>
        <source>Import or export the zones</source>
        <translation>구역을 가져오거나 내보냅니다</translation>
    </message>
    <message>
        <source>Import zones…</source>
        <translation>구역 가져오기…</translation>
    </message>
    <message>
        <source>Export zones…</source>
        <translation>구역 내보내기…</translation>
    </message>
    <message>
        <source>Zones</source>
        <translation>구역</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>이름</translation>
    </message>
    <message>
        <source>Feet</source>
        <translation>발</translation>
    </message>
    <message>
        <source>Centre</source>
        <translation>중심</translation>
    </message>
    <message>
        <source>The point of a box that says where the object is</source>
        <translation>물체의 위치로 쓰는 상자의 점입니다</translation>
    </message>
    <message>
        <source>Only these classes count</source>
        <translation>이 클래스만 셉니다</translation>
    </message>
    <message>
        <source>Colour…</source>
        <translation>색…</translation>
    </message>
    <message>
        <source>Turn round</source>
        <translation>뒤집기</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>삭제</translation>
    </message>
    <message>
        <source>Swap in and out</source>
        <translation>들어옴과 나감을 바꿉니다</translation>
    </message>
    <message>
        <source>Counts</source>
        <translation>집계</translation>
    </message>
    <message>
        <source>Anchor</source>
        <translation>기준점</translation>
    </message>
    <message>
        <source>Right</source>
        <translation>맞음</translation>
    </message>
    <message>
        <source>Wrong</source>
        <translation>틀림</translation>
    </message>
    <message>
        <source>The selected count is right (Y)</source>
        <translation>선택한 집계가 맞습니다(Y)</translation>
    </message>
    <message>
        <source>The selected count is wrong (X)</source>
        <translation>선택한 집계가 틀립니다(X)</translation>
    </message>
    <message>
        <source>Missed</source>
        <translation>놓침</translation>
    </message>
    <message>
        <source>Add a count that was missed just now</source>
        <translation>방금 놓친 집계를 더합니다</translation>
    </message>
    <message>
        <source>Table…</source>
        <translation>표…</translation>
    </message>
    <message>
        <source>Write the counts with your corrections to a CSV file</source>
        <translation>바로잡은 집계를 CSV 파일로 씁니다</translation>
    </message>
    <message numerus="yes">
        <source>%n count(s); check some to learn how many are wrong</source>
        <translation>
            <numerusform>집계 %n개. 몇 개를 확인하면 오류가 얼마나 되는지 알 수 있습니다</numerusform>
        </translation>
    </message>
    <message>
        <source>{checked} checked, {wrong} wrong, {missed} missed: {rate} errors ({low} to {high})</source>
        <translation>확인 {checked}개, 틀림 {wrong}개, 놓침 {missed}개: 오류 {rate} ({low}~{high})</translation>
    </message>
    <message>
        <source>Draw a line or an area on the picture</source>
        <translation>화면에 선이나 영역을 그리세요</translation>
    </message>
    <message>
        <source>Click the two ends of the line; the arrow shows where in is</source>
        <translation>선의 두 끝을 클릭하세요. 화살표가 들어오는 쪽을 가리킵니다</translation>
    </message>
    <message>
        <source>Click the corners; double-click or press Enter at the last one</source>
        <translation>모서리를 클릭하고 마지막에서 두 번 클릭하거나 Enter 키를 누르세요</translation>
    </message>
    <message>
        <source>All classes</source>
        <translation>모든 클래스</translation>
    </message>
    <message>
        <source>Colour of the zone</source>
        <translation>구역의 색</translation>
    </message>
    <message>
        <source>in</source>
        <translation>들어옴</translation>
    </message>
    <message>
        <source>out</source>
        <translation>나감</translation>
    </message>
    <message>
        <source>entered</source>
        <translation>진입</translation>
    </message>
    <message>
        <source>left</source>
        <translation>떠남</translation>
    </message>
</context>
<context>
    <name>Zones</name>
    <message>
        <source>Another zone has this name already</source>
        <translation>이 이름의 구역이 이미 있습니다</translation>
    </message>
    <message>
        <source>There are too many zones; delete some</source>
        <translation>구역이 너무 많습니다. 몇 개를 삭제하세요</translation>
    </message>
    <message>
        <source>Line</source>
        <translation>선</translation>
    </message>
    <message>
        <source>Area</source>
        <translation>영역</translation>
    </message>
    <message>
        <source>Mask</source>
        <translation>마스크</translation>
    </message>
    <message>
        <source>A zone needs a name</source>
        <translation>구역에는 이름이 필요합니다</translation>
    </message>
    <message>
        <source>This name is too long</source>
        <translation>이름이 너무 깁니다</translation>
    </message>
    <message>
        <source>The sides of a zone must not cross each other</source>
        <translation>구역의 변은 서로 엇갈리면 안 됩니다</translation>
    </message>
    <message>
        <source>{in} in, {out} out</source>
        <translation>들어옴 {in}, 나감 {out}</translation>
    </message>
    <message>
        <source>{inside} inside</source>
        <translation>안에 {inside}</translation>
    </message>
</context>
<context>
    <name>_Counts</name>
    <message>
        <source>in</source>
        <translation>들어옴</translation>
    </message>
    <message>
        <source>out</source>
        <translation>나감</translation>
    </message>
    <message>
        <source>entered</source>
        <translation>진입</translation>
    </message>
    <message>
        <source>left after {seconds} s</source>
        <translation>{seconds}초 뒤 떠남</translation>
    </message>
</context>
<context>
    <name>EventController</name>
    <message>
        <source>Rule {rule}: the model has no class {name}</source>
        <translation>규칙 {rule}: 모델에 {name} 클래스가 없습니다</translation>
    </message>
    <message>
        <source>Show in folder</source>
        <translation>폴더에서 보기</translation>
    </message>
    <message>
        <source>Trying the rules on the whole file …</source>
        <translation>파일 전체에 규칙을 시험하는 중…</translation>
    </message>
    <message numerus="yes">
        <source>would have fired %n time(s)</source>
        <translation>
            <numerusform>%n번 발생했을 것입니다</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>Errors</name>
    <message>
        <source>is not a video that FFmpeg can read, or its index is missing; copy it again or give another file</source>
        <translation>읽을 수 있는 동영상이 아니거나 인덱스가 없습니다. 다시 복사하거나 다른 파일을 선택하세요</translation>
    </message>
    <message>
        <source>is not an ONNX file; give a model file made by `export`</source>
        <translation>ONNX 파일이 아닙니다. `export`로 만든 모델 파일을 선택하세요</translation>
    </message>
    <message>
        <source>no server listens there; check the address and that the camera is on</source>
        <translation>연결이 거부되었습니다. 주소와 카메라 전원을 확인하세요</translation>
    </message>
    <message>
        <source>no space left on device</source>
        <translation>디스크 공간이 부족합니다</translation>
    </message>
    <message>
        <source>permission denied</source>
        <translation>권한이 없습니다</translation>
    </message>
    <message>
        <source>sign-in failed (401); check the user name and the password</source>
        <translation>로그인에 실패했습니다(401). 사용자 이름과 암호를 확인하세요</translation>
    </message>
    <message>
        <source>the connection broke or the host is unknown; check the address and the network</source>
        <translation>연결이 끊겼거나 호스트를 찾을 수 없습니다. 주소와 네트워크를 확인하세요</translation>
    </message>
    <message>
        <source>the file has no video stream; give a video or image file</source>
        <translation>파일에 영상이 없습니다. 동영상 또는 이미지 파일을 선택하세요</translation>
    </message>
    <message>
        <source>the file is empty; copy it again or give another file</source>
        <translation>빈 파일입니다. 다시 복사하거나 다른 파일을 선택하세요</translation>
    </message>
    <message>
        <source>the folder has no images; give a folder with images</source>
        <translation>폴더에 이미지가 없습니다. 이미지가 있는 폴더를 선택하세요</translation>
    </message>
    <message>
        <source>the server cannot be reached; check the address and the network</source>
        <translation>서버에 연결할 수 없습니다. 주소와 네트워크를 확인하세요</translation>
    </message>
    <message>
        <source>the server does not answer; check the address and the network</source>
        <translation>서버가 응답하지 않습니다. 주소와 네트워크를 확인하세요</translation>
    </message>
    <message>
        <source>the server forbids it (403); check the rights of this user</source>
        <translation>접근이 거부되었습니다(403). 사용자의 권한을 확인하세요</translation>
    </message>
    <message>
        <source>the server has no such video (404); check the path in the address</source>
        <translation>서버에 해당 영상이 없습니다(404). 주소의 경로를 확인하세요</translation>
    </message>
    <message>
        <source>there is no such file, and this is not a camera, screen or address; check the path</source>
        <translation>파일이 없으며 카메라, 화면, 주소도 아닙니다. 경로를 확인하세요</translation>
    </message>
    <message>
        <source>there is no such file; check the path</source>
        <translation>파일이 없습니다. 경로를 확인하세요</translation>
    </message>
</context>
<context>
    <name>FoundList</name>
    <message>
        <source>Objects that were found</source>
        <translation>찾은 물체</translation>
    </message>
</context>
<context>
    <name>SearchForm</name>
    <message>
        <source> s</source>
        <translation>초</translation>
    </message>
    <message>
        <source>&amp;Class</source>
        <translation>클래스(&amp;C)</translation>
    </message>
    <message>
        <source>&amp;Day</source>
        <translation>날짜(&amp;D)</translation>
    </message>
    <message>
        <source>&amp;Recording</source>
        <translation>녹화(&amp;R)</translation>
    </message>
    <message>
        <source>&amp;Zone or rule</source>
        <translation>구역 또는 규칙(&amp;Z)</translation>
    </message>
    <message>
        <source>All recordings</source>
        <translation>모든 녹화</translation>
    </message>
    <message>
        <source>Any class</source>
        <translation>모든 클래스</translation>
    </message>
    <message>
        <source>Any day</source>
        <translation>모든 날짜</translation>
    </message>
    <message>
        <source>Anywhere</source>
        <translation>어디든지</translation>
    </message>
    <message>
        <source>At &amp;once, at least</source>
        <translation>동시에 적어도(&amp;O)</translation>
    </message>
    <message>
        <source>Class</source>
        <translation>클래스</translation>
    </message>
    <message>
        <source>Colour</source>
        <translation>색</translation>
    </message>
    <message>
        <source>Day</source>
        <translation>날짜</translation>
    </message>
    <message>
        <source>From – to</source>
        <translation>시작 – 끝</translation>
    </message>
    <message>
        <source>How long it was seen, or how long it was in the zone if one is chosen</source>
        <translation>보인 시간입니다. 구역을 고르면 그 안에 있던 시간입니다</translation>
    </message>
    <message>
        <source>How many of its class were seen at one time</source>
        <translation>같은 클래스가 동시에 몇 개 보였는지입니다</translation>
    </message>
    <message>
        <source>Recording</source>
        <translation>녹화</translation>
    </message>
    <message>
        <source>Reset</source>
        <translation>초기화</translation>
    </message>
    <message>
        <source>Seen for at &amp;least</source>
        <translation>보인 시간, 적어도(&amp;L)</translation>
    </message>
    <message>
        <source>The last 7 days</source>
        <translation>지난 7일</translation>
    </message>
    <message>
        <source>Time of day</source>
        <translation>하루 중 시간</translation>
    </message>
    <message>
        <source>Today</source>
        <translation>오늘</translation>
    </message>
    <message>
        <source>Yesterday</source>
        <translation>어제</translation>
    </message>
    <message>
        <source>Zone or rule</source>
        <translation>구역 또는 규칙</translation>
    </message>
    <message>
        <source>any</source>
        <translation>상관없음</translation>
    </message>
    <message>
        <source>black</source>
        <translation>검정</translation>
    </message>
    <message>
        <source>blue</source>
        <translation>파랑</translation>
    </message>
    <message>
        <source>brown</source>
        <translation>갈색</translation>
    </message>
    <message>
        <source>green</source>
        <translation>초록</translation>
    </message>
    <message>
        <source>grey</source>
        <translation>회색</translation>
    </message>
    <message>
        <source>orange</source>
        <translation>주황</translation>
    </message>
    <message>
        <source>pink</source>
        <translation>분홍</translation>
    </message>
    <message>
        <source>purple</source>
        <translation>보라</translation>
    </message>
    <message>
        <source>red</source>
        <translation>빨강</translation>
    </message>
    <message>
        <source>white</source>
        <translation>하양</translation>
    </message>
    <message>
        <source>yellow</source>
        <translation>노랑</translation>
    </message>
</context>
<context>
    <name>SearchWindow</name>
    <message numerus="yes">
        <source>%n clip(s) written</source>
        <translation>
            <numerusform>클립 %n개를 썼습니다</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n object(s) found</source>
        <translation>
            <numerusform>물체 %n개를 찾았습니다</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n row(s) written</source>
        <translation>
            <numerusform>%n행을 썼습니다</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n selected object(s)…</source>
        <translation>
            <numerusform>선택한 물체 %n개…</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n whole recording(s)…</source>
        <translation>
            <numerusform>녹화 %n개 전체…</numerusform>
        </translation>
    </message>
    <message>
        <source>CSV (*.csv)</source>
        <translation>CSV 파일 (*.csv)</translation>
    </message>
    <message>
        <source>Clips…</source>
        <translation>클립…</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>삭제</translation>
    </message>
    <message numerus="yes">
        <source>Delete %n object(s) with their pictures? They stay in the videos.</source>
        <translation>
            <numerusform>물체 %n개를 그림과 함께 삭제할까요? 영상에는 남습니다.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Delete %n recording(s), with everything that was found in them, and the files that the program recorded?</source>
        <translation>
            <numerusform>녹화 %n개를 그 안에서 찾은 모든 것과 프로그램이 녹화한 파일까지 삭제할까요?</numerusform>
        </translation>
    </message>
    <message>
        <source>Deleted: {tracks} objects, {pictures} pictures, {files} files; {size} MB freed</source>
        <translation>삭제: 물체 {tracks}개, 그림 {pictures}개, 파일 {files}개. {size} MB를 비웠습니다</translation>
    </message>
    <message>
        <source>Export</source>
        <translation>내보내기</translation>
    </message>
    <message>
        <source>Export what is selected, or everything that was found</source>
        <translation>선택한 것 또는 찾은 모든 것을 내보냅니다</translation>
    </message>
    <message>
        <source>Exporting …</source>
        <translation>내보내는 중…</translation>
    </message>
    <message>
        <source>Find again</source>
        <translation>다시 찾기</translation>
    </message>
    <message>
        <source>Folder for the clips</source>
        <translation>클립을 둘 폴더</translation>
    </message>
    <message>
        <source>HTML (*.html)</source>
        <translation>HTML 파일 (*.html)</translation>
    </message>
    <message>
        <source>Keep</source>
        <translation>유지</translation>
    </message>
    <message>
        <source>Nothing is here yet. What a recording shows while objects are followed (T) is found here, and what you add with: ssd-live index add</source>
        <translation>아직 아무것도 없습니다. 물체를 추적하며(T) 녹화한 것과 다음 명령으로 더한 것을 여기서 찾습니다: ssd-live index add</translation>
    </message>
    <message>
        <source>Report of the objects</source>
        <translation>물체 보고서</translation>
    </message>
    <message>
        <source>Report written</source>
        <translation>보고서를 썼습니다</translation>
    </message>
    <message>
        <source>Report…</source>
        <translation>보고서…</translation>
    </message>
    <message>
        <source>Searching …</source>
        <translation>찾는 중…</translation>
    </message>
    <message>
        <source>Show in the video</source>
        <translation>영상에서 보기</translation>
    </message>
    <message>
        <source>Table of the objects</source>
        <translation>물체 표</translation>
    </message>
    <message>
        <source>Table…</source>
        <translation>표…</translation>
    </message>
    <message>
        <source>The video is not there any more</source>
        <translation>영상이 더 이상 없습니다</translation>
    </message>
</context>
<context>
    <name>TimelineView</name>
    <message>
        <source>Timeline</source>
        <translation>타임라인</translation>
    </message>
</context>
<context>
    <name>_Found</name>
    <message>
        <source>at {time}, for {seconds} s</source>
        <translation>{time}부터 {seconds}초 동안</translation>
    </message>
</context>
<context>
    <name>EventList</name>
    <message>
        <source>A double click goes to the event in a file, or shows the files that it wrote</source>
        <translation>두 번 클릭하면 파일의 그 이벤트로 가거나 이벤트가 쓴 파일을 보여 줍니다</translation>
    </message>
    <message>
        <source>Events</source>
        <translation>이벤트</translation>
    </message>
</context>
<context>
    <name>EventPanel</name>
    <message>
        <source>A rule says what must happen at a line or an area to make an event</source>
        <translation>규칙은 선이나 영역에서 무슨 일이 일어나야 이벤트가 되는지 정합니다</translation>
    </message>
    <message>
        <source>Add…</source>
        <translation>추가…</translation>
    </message>
    <message>
        <source>Change…</source>
        <translation>변경…</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>삭제</translation>
    </message>
    <message>
        <source>First draw a line or an area (Z); a rule says what must happen there</source>
        <translation>먼저 선이나 영역을 그리세요(Z). 규칙은 거기에서 무슨 일이 일어나야 하는지 정합니다</translation>
    </message>
    <message>
        <source>Objects are not followed (T), so that no rule sees them</source>
        <translation>물체를 추적하지 않으므로(T) 어떤 규칙도 물체를 보지 못합니다</translation>
    </message>
    <message>
        <source>Rules</source>
        <translation>규칙</translation>
    </message>
    <message>
        <source>Say how often the rules would have fired in this file</source>
        <translation>이 파일에서 규칙이 몇 번 발생했을지 알려 줍니다</translation>
    </message>
    <message>
        <source>Suppressed events too</source>
        <translation>억제된 이벤트도 보기</translation>
    </message>
    <message>
        <source>There is no zone that fits: {zone}</source>
        <translation>맞는 구역이 없습니다: {zone}</translation>
    </message>
    <message>
        <source>Try</source>
        <translation>시험</translation>
    </message>
</context>
<context>
    <name>RuleDialog</name>
    <message>
        <source> s</source>
        <translation>초</translation>
    </message>
    <message>
        <source>&amp;At least</source>
        <translation>적어도(&amp;A)</translation>
    </message>
    <message>
        <source>&amp;Classes</source>
        <translation>클래스(&amp;C)</translation>
    </message>
    <message>
        <source>&amp;For over</source>
        <translation>시간, 넘게(&amp;F)</translation>
    </message>
    <message>
        <source>&amp;Name</source>
        <translation>이름(&amp;N)</translation>
    </message>
    <message>
        <source>&amp;Pause after it</source>
        <translation>이벤트 뒤의 쉼(&amp;P)</translation>
    </message>
    <message>
        <source>&amp;When</source>
        <translation>언제(&amp;W)</translation>
    </message>
    <message>
        <source>&amp;Zone</source>
        <translation>구역(&amp;Z)</translation>
    </message>
    <message>
        <source>After an event, the rule is silent for so long</source>
        <translation>이벤트 뒤에 규칙이 이 시간만큼 조용합니다</translation>
    </message>
    <message>
        <source>All classes</source>
        <translation>모든 클래스</translation>
    </message>
    <message>
        <source>Command</source>
        <translation>명령</translation>
    </message>
    <message>
        <source>Days</source>
        <translation>요일</translation>
    </message>
    <message>
        <source>Hours</source>
        <translation>시간</translation>
    </message>
    <message>
        <source>MQTT broker</source>
        <translation>MQTT 브로커</translation>
    </message>
    <message>
        <source>Only between</source>
        <translation>이 사이에만</translation>
    </message>
    <message>
        <source>Rule</source>
        <translation>규칙</translation>
    </message>
    <message>
        <source>Rule {number}</source>
        <translation>규칙 {number}</translation>
    </message>
    <message>
        <source>Run a command</source>
        <translation>명령 실행</translation>
    </message>
    <message>
        <source>Seconds</source>
        <translation>초</translation>
    </message>
    <message>
        <source>Send to a web address</source>
        <translation>웹 주소로 보내기</translation>
    </message>
    <message>
        <source>Send to an MQTT broker</source>
        <translation>MQTT 브로커로 보내기</translation>
    </message>
    <message>
        <source>The rule shows up in Home Assistant by itself</source>
        <translation>규칙이 Home Assistant에 저절로 나타납니다</translation>
    </message>
    <message>
        <source>Web address</source>
        <translation>웹 주소</translation>
    </message>
    <message>
        <source>What an event starts, besides its place in the list</source>
        <translation>이벤트가 목록에 나타나는 것 말고 시작하는 일</translation>
    </message>
    <message>
        <source>Write a clip</source>
        <translation>클립 쓰기</translation>
    </message>
    <message>
        <source>Write a picture</source>
        <translation>그림 쓰기</translation>
    </message>
    <message>
        <source>after: </source>
        <translation>뒤: </translation>
    </message>
    <message>
        <source>an object enters</source>
        <translation>물체가 들어올 때</translation>
    </message>
    <message>
        <source>an object goes in</source>
        <translation>물체가 안쪽으로 넘어갈 때</translation>
    </message>
    <message>
        <source>an object goes out</source>
        <translation>물체가 바깥쪽으로 넘어갈 때</translation>
    </message>
    <message>
        <source>an object is inside</source>
        <translation>물체가 안에 있을 때</translation>
    </message>
    <message>
        <source>an object leaves</source>
        <translation>물체가 나갈 때</translation>
    </message>
    <message>
        <source>before: </source>
        <translation>앞: </translation>
    </message>
    <message>
        <source>so many are inside</source>
        <translation>안에 여럿이 있을 때</translation>
    </message>
    <message>
        <source>Boxes</source>
        <translation>상자</translation>
    </message>
    <message>
        <source>Without boxes, the clip of a network camera is copied, not encoded</source>
        <translation>상자가 없으면 네트워크 카메라의 클립은 인코딩하지 않고 복사합니다</translation>
    </message>
    <message>
        <source>Show a notification</source>
        <translation>알림 표시</translation>
    </message>
    <message>
        <source>Play a sound</source>
        <translation>소리 재생</translation>
    </message>
    <message>
        <source>A bell</source>
        <translation>종소리</translation>
    </message>
    <message>
        <source>Browse…</source>
        <translation>찾아보기…</translation>
    </message>
    <message>
        <source>Sound file</source>
        <translation>소리 파일</translation>
    </message>
    <message>
        <source>Sounds (*.wav *.mp3 *.ogg *.flac)</source>
        <translation>소리 (*.wav *.mp3 *.ogg *.flac)</translation>
    </message>
</context>
<context>
    <name>Rules</name>
    <message>
        <source>an object</source>
        <translation>물체</translation>
    </message>
    <message>
        <source>at most every {seconds} s</source>
        <translation>{seconds}초에 한 번까지</translation>
    </message>
    <message>
        <source>for over {seconds} s</source>
        <translation>{seconds}초 넘게</translation>
    </message>
    <message>
        <source>{number} or more inside {zone} ({who})</source>
        <translation>{zone} 안에 {number}개 이상({who})</translation>
    </message>
    <message>
        <source>{who} goes in at {zone}</source>
        <translation>{who}: {zone}에서 들어옴</translation>
    </message>
    <message>
        <source>{who} goes out at {zone}</source>
        <translation>{who}: {zone}에서 나감</translation>
    </message>
    <message>
        <source>{who} inside {zone}</source>
        <translation>{who}: {zone} 안에 있음</translation>
    </message>
</context>
<context>
    <name>_Events</name>
    <message>
        <source>not at this hour</source>
        <translation>이 시간이 아님</translation>
    </message>
    <message>
        <source>not on this day</source>
        <translation>이 요일이 아님</translation>
    </message>
    <message>
        <source>too soon after the last</source>
        <translation>지난 것 뒤로 너무 이름</translation>
    </message>
    <message>
        <source>tried</source>
        <translation>시험</translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message>
        <source>Everything is hidden, because the model has no class {name}; change Hide objects in the settings, or the model</source>
        <translation>모델에 {name} 클래스가 없어 모든 것을 가립니다. 설정의 가릴 물체나 모델을 바꾸세요</translation>
    </message>
</context>
<context>
    <name>ReviewView</name>
    <message>
        <source>The frame with what will be hidden</source>
        <translation>가려질 것이 표시된 프레임</translation>
    </message>
</context>
<context>
    <name>ReviewWindow</name>
    <message>
        <source>Check before hiding: {name}</source>
        <translation>가리기 전 확인: {name}</translation>
    </message>
    <message>
        <source>Doubtful moments</source>
        <translation>의심스러운 순간</translation>
    </message>
    <message>
        <source>Time around the moment</source>
        <translation>순간 앞뒤의 시간</translation>
    </message>
    <message>
        <source>As in the copy</source>
        <translation>사본처럼 보기</translation>
    </message>
    <message>
        <source>Right (Y)</source>
        <translation>맞음(Y)</translation>
    </message>
    <message>
        <source>Do not hide it (X)</source>
        <translation>가리지 않기(X)</translation>
    </message>
    <message>
        <source>Undo (Ctrl+Z)</source>
        <translation>실행 취소(Ctrl+Z)</translation>
    </message>
    <message>
        <source>Write the copy</source>
        <translation>사본 쓰기</translation>
    </message>
    <message>
        <source>This moment is right; go on with the next</source>
        <translation>이 순간은 맞습니다. 다음으로 갑니다</translation>
    </message>
    <message>
        <source>This is not such an object: it stays visible all the time</source>
        <translation>그런 물체가 아닙니다. 계속 보이게 둡니다</translation>
    </message>
    <message>
        <source>Draw with the mouse what must be hidden too around this moment</source>
        <translation>이 순간 앞뒤에서 더 가려야 할 것을 마우스로 그리세요</translation>
    </message>
    <message>
        <source>not hidden</source>
        <translation>가리지 않음</translation>
    </message>
    <message>
        <source>{checked} of {all} moments checked</source>
        <translation>순간 {all}개 중 {checked}개 확인</translation>
    </message>
    <message>
        <source>begins inside</source>
        <translation>안에서 시작</translation>
    </message>
    <message>
        <source>ends inside</source>
        <translation>안에서 끝남</translation>
    </message>
    <message>
        <source>gap filled</source>
        <translation>빈 곳을 채움</translation>
    </message>
    <message>
        <source>fast motion</source>
        <translation>빠른 움직임</translation>
    </message>
    <message>
        <source>low score</source>
        <translation>낮은 점수</translation>
    </message>
</context>
<context>
    <name>RedactionDialog</name>
    <message>
        <source>Hide objects in a copy</source>
        <translation>사본에서 물체 가리기</translation>
    </message>
    <message>
        <source>Black, which cannot be undone</source>
        <translation>검정, 되돌릴 수 없음</translation>
    </message>
    <message>
        <source>Pixelated</source>
        <translation>모자이크</translation>
    </message>
    <message>
        <source>Blurred</source>
        <translation>흐림</translation>
    </message>
    <message>
        <source>Look for small objects too (takes longer)</source>
        <translation>작은 물체도 찾기(더 오래 걸림)</translation>
    </message>
    <message>
        <source>Keep the sound</source>
        <translation>소리 유지</translation>
    </message>
    <message>
        <source>&amp;Hide objects of</source>
        <translation>가릴 물체(&amp;H)</translation>
    </message>
    <message>
        <source>How they are hi&amp;dden</source>
        <translation>가리는 방법(&amp;D)</translation>
    </message>
    <message>
        <source>&amp;File</source>
        <translation>파일(&amp;F)</translation>
    </message>
    <message>
        <source>First all frames are searched. Then you check the doubtful moments, and only after that the copy is written.</source>
        <translation>먼저 모든 프레임을 찾습니다. 그런 다음 의심스러운 순간을 확인하고 그 뒤에야 사본을 씁니다.</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>찾기</translation>
    </message>
    <message>
        <source>Name at least one class.</source>
        <translation>클래스를 하나 이상 쓰세요.</translation>
    </message>
</context>
<context>
    <name>RedactionController</name>
    <message>
        <source>An export is already running; wait until it ends or cancel it</source>
        <translation>이미 내보내는 중입니다. 끝날 때까지 기다리거나 취소하세요</translation>
    </message>
    <message>
        <source>Objects are hidden in a copy of a video file; open one first</source>
        <translation>영상 파일의 사본에서 물체를 가립니다. 먼저 파일을 여세요</translation>
    </message>
    <message>
        <source>Going on with {name}, which is there; delete it to search anew</source>
        <translation>있는 {name} 파일로 이어 갑니다. 새로 찾으려면 그 파일을 삭제하세요</translation>
    </message>
</context>
<context>
    <name>OutputRow</name>
    <message>
        <source>Choose…</source>
        <translation>선택…</translation>
    </message>
    <message>
        <source>Choose a file.</source>
        <translation>파일을 선택하세요.</translation>
    </message>
    <message>
        <source>{path} exists. Press {action} again to replace it.</source>
        <translation>{path} 파일이 있습니다. 바꾸려면 {action} 단추를 다시 누르세요.</translation>
    </message>
    <message>
        <source>Videos (*.mp4 *.mkv *.mov *.webm)</source>
        <translation>영상 (*.mp4 *.mkv *.mov *.webm)</translation>
    </message>
</context>
<context>
    <name>LabelView</name>
    <message>
        <source>The image with its boxes</source>
        <translation>상자가 있는 이미지</translation>
    </message>
</context>
<context>
    <name>TeachController</name>
    <message>
        <source>Make a project first, or open one (in the menu Tools)</source>
        <translation>먼저 프로젝트를 만들거나 여십시오(도구 메뉴)</translation>
    </message>
    <message>
        <source>New project</source>
        <translation>새 프로젝트</translation>
    </message>
    <message>
        <source>New project: the name of its folder</source>
        <translation>새 프로젝트: 폴더 이름</translation>
    </message>
    <message>
        <source>Open a project</source>
        <translation>프로젝트 열기</translation>
    </message>
    <message>
        <source>The objects to find, with commas between them, for example Mug, Bowl</source>
        <translation>찾을 객체를 쉼표로 구분해 입력하십시오. 예: Mug, Bowl</translation>
    </message>
    <message>
        <source>There is no video to take a frame of</source>
        <translation>프레임을 가져올 비디오가 없습니다</translation>
    </message>
    <message>
        <source>Collecting frames …</source>
        <translation>프레임을 모으는 중…</translation>
    </message>
    <message>
        <source>No more frames are collected</source>
        <translation>프레임을 더 모으지 않습니다</translation>
    </message>
    <message numerus="yes">
        <source>Collected %n frame(s)</source>
        <translation>
            <numerusform>프레임 %n개를 모았습니다</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Collected %n frame(s), which is enough for now</source>
        <translation>
            <numerusform>프레임 %n개를 모았습니다. 지금은 충분합니다</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>TeachWindow</name>
    <message>
        <source>Add images</source>
        <translation>이미지 추가</translation>
    </message>
    <message>
        <source>All images</source>
        <translation>모든 이미지</translation>
    </message>
    <message>
        <source>Ask the model in use for boxes in this image</source>
        <translation>사용 중인 모델에 이 이미지의 상자를 물어봅니다</translation>
    </message>
    <message>
        <source>Images</source>
        <translation>이미지</translation>
    </message>
    <message>
        <source>Images and videos ({suffixes})</source>
        <translation>이미지와 비디오 ({suffixes})</translation>
    </message>
    <message>
        <source>Labelled</source>
        <translation>라벨 있음</translation>
    </message>
    <message>
        <source>Looking for objects …</source>
        <translation>객체를 찾는 중…</translation>
    </message>
    <message>
        <source>Not labelled</source>
        <translation>라벨 없음</translation>
    </message>
    <message>
        <source>Suggest (S)</source>
        <translation>제안(S)</translation>
    </message>
    <message>
        <source>Suggested boxes: {count}</source>
        <translation>제안된 상자: {count}개</translation>
    </message>
    <message>
        <source>Teach: {name}</source>
        <translation>가르치기: {name}</translation>
    </message>
    <message>
        <source>The model in use finds none of these classes here</source>
        <translation>사용 중인 모델은 여기서 이 클래스들을 찾지 못합니다</translation>
    </message>
    <message>
        <source>The unsure first</source>
        <translation>불확실한 것 먼저</translation>
    </message>
    <message>
        <source>Which images are listed</source>
        <translation>목록에 표시할 이미지</translation>
    </message>
    <message>
        <source>{done} of {all} images labelled</source>
        <translation>이미지 {all}개 중 {done}개에 라벨이 있음</translation>
    </message>
    <message>
        <source>With {name}</source>
        <translation>{name} 있음</translation>
    </message>
    <message>
        <source>Carry the boxes of this image into the images after it, until a labelled one</source>
        <translation>이 이미지의 상자를 라벨이 있는 이미지 전까지 다음 이미지들로 옮깁니다</translation>
    </message>
    <message>
        <source>Delete the image</source>
        <translation>이미지 삭제</translation>
    </message>
    <message>
        <source>Delete the image {name} from the project? There is no way back.</source>
        <translation>프로젝트에서 이미지 {name}을(를) 삭제하시겠습니까? 되돌릴 수 없습니다.</translation>
    </message>
    <message>
        <source>Follow through the video (Shift+T)</source>
        <translation>영상에서 따라가기(Shift+T)</translation>
    </message>
    <message>
        <source>Mistakes of version {number}</source>
        <translation>버전 {number}의 오류</translation>
    </message>
    <message>
        <source>The image {name} is not in the project any more</source>
        <translation>이미지 {name}이(가) 프로젝트에 더 이상 없습니다</translation>
    </message>
    <message>
        <source>Add images or a video, or take frames from the main window: with the key J, or with “Collect a frame every 2 seconds” in its menu Tools.</source>
        <translation>이미지나 영상을 추가하거나, 주 창에서 J 키 또는 도구 메뉴의 “2초마다 프레임 모으기”로 프레임을 가져오십시오.</translation>
    </message>
    <message>
        <source>Add images or a video…</source>
        <translation>이미지나 영상 추가…</translation>
    </message>
    <message>
        <source>Draw a box around each object; click a box to move it · 1 to 9: class · Enter: all are right, next image · N: nothing here · F1: all keys</source>
        <translation>각 객체 둘레에 상자를 그리십시오. 상자를 클릭하면 옮길 수 있습니다 · 1~9: 클래스 · Enter: 모두 맞음, 다음 이미지 · N: 아무것도 없음 · F1: 모든 키</translation>
    </message>
    <message>
        <source>Of a video, a frame of each second is added</source>
        <translation>영상에서는 1초마다 프레임 하나를 추가합니다</translation>
    </message>
    <message>
        <source>Add a folder or a data set…</source>
        <translation>폴더나 데이터 세트 추가…</translation>
    </message>
    <message>
        <source>A folder of images, or a data set of VOC, COCO or YOLO with its labels</source>
        <translation>이미지 폴더, 또는 라벨이 있는 VOC, COCO, YOLO 데이터 세트</translation>
    </message>
    <message>
        <source>Add a folder or a data set</source>
        <translation>폴더나 데이터 세트 추가</translation>
    </message>
    <message numerus="yes">
        <source>%n thing(s) in the data are wrong or were left out.</source>
        <translation>
            <numerusform>데이터에서 %n가지가 잘못되었거나 제외되었습니다.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Changed %n image(s)</source>
        <translation>
            <numerusform>이미지 %n개를 바꿨습니다</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>TrainingPanel</name>
    <message>
        <source>Train</source>
        <translation>학습</translation>
    </message>
    <message>
        <source>Keep what is learned</source>
        <translation>배운 것 유지하기</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>일시 정지</translation>
    </message>
    <message>
        <source>Go on with the training</source>
        <translation>학습 계속하기</translation>
    </message>
    <message>
        <source>Pausing …</source>
        <translation>일시 정지하는 중…</translation>
    </message>
    <message>
        <source>Training needs PyTorch, which cannot be installed from here</source>
        <translation>학습에는 PyTorch가 필요하지만 여기서는 설치할 수 없습니다</translation>
    </message>
    <message>
        <source>Install PyTorch</source>
        <translation>PyTorch 설치</translation>
    </message>
    <message>
        <source>Installing PyTorch …</source>
        <translation>PyTorch를 설치하는 중…</translation>
    </message>
    <message>
        <source>A new version is there</source>
        <translation>새 버전이 생겼습니다</translation>
    </message>
    <message>
        <source>Judging what was learned …</source>
        <translation>배운 것을 평가하는 중…</translation>
    </message>
    <message>
        <source>Preparing …</source>
        <translation>준비하는 중…</translation>
    </message>
    <message>
        <source>Step {step} of {steps} · {minutes}:{seconds} left</source>
        <translation>{steps}단계 중 {step}단계 · {minutes}:{seconds} 남음</translation>
    </message>
    <message>
        <source>The training is paused</source>
        <translation>학습을 일시 정지했습니다</translation>
    </message>
    <message>
        <source>Asking pip how large PyTorch is …</source>
        <translation>PyTorch의 크기를 pip에 묻는 중…</translation>
    </message>
    <message>
        <source>some hundred MB, or several GB with the libraries for NVIDIA GPUs</source>
        <translation>수백 MB이며, NVIDIA GPU 라이브러리를 포함하면 수 GB</translation>
    </message>
    <message>
        <source>Training needs PyTorch, which is not installed. pip downloads it from your package index: {size}. Install it now?</source>
        <translation>학습에는 PyTorch가 필요하지만 설치되어 있지 않습니다. pip이 패키지 저장소에서 내려받습니다: {size}. 지금 설치하시겠습니까?</translation>
    </message>
    <message>
        <source>The command could not be started</source>
        <translation>명령을 시작할 수 없습니다</translation>
    </message>
    <message>
        <source>Learn from all labelled images; labelling can go on</source>
        <translation>라벨이 있는 모든 이미지에서 배웁니다. 라벨 붙이기를 계속할 수 있습니다</translation>
    </message>
    <message>
        <source>PyTorch is being installed. If you close the window now, it may be there only in part and has to be installed again. Close the window?</source>
        <translation>PyTorch를 설치하고 있습니다. 지금 창을 닫으면 일부만 설치되어 다시 설치해야 할 수 있습니다. 창을 닫을까요?</translation>
    </message>
    <message>
        <source>Interrupt the training; it goes on later, also after the window was closed</source>
        <translation>학습을 멈춥니다. 창을 닫은 뒤에도 나중에 이어집니다</translation>
    </message>
    <message>
        <source>A training is running. It pauses if you close the window, and goes on when you want it. Close the window?</source>
        <translation>학습하고 있습니다. 창을 닫으면 멈추고, 원할 때 이어집니다. 창을 닫을까요?</translation>
    </message>
    <message>
        <source>Close the window</source>
        <translation>창 닫기</translation>
    </message>
</context>
<context>
    <name>ClassPanel</name>
    <message>
        <source>Add a class</source>
        <translation>클래스 추가</translation>
    </message>
    <message>
        <source>Add a class…</source>
        <translation>클래스 추가…</translation>
    </message>
    <message>
        <source>Change</source>
        <translation>변경</translation>
    </message>
    <message>
        <source>Classes</source>
        <translation>클래스</translation>
    </message>
    <message>
        <source>Merge the class</source>
        <translation>클래스 합치기</translation>
    </message>
    <message>
        <source>Merge the class into another…</source>
        <translation>다른 클래스에 합치기…</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>이름</translation>
    </message>
    <message>
        <source>Objects of “{name}” become objects of this class. There is no way back.</source>
        <translation>“{name}” 객체가 이 클래스의 객체가 됩니다. 되돌릴 수 없습니다.</translation>
    </message>
    <message>
        <source>Rename the chosen class, or make it another one</source>
        <translation>선택한 클래스의 이름을 바꾸거나 다른 클래스에 합칩니다</translation>
    </message>
    <message>
        <source>Rename the class</source>
        <translation>클래스 이름 바꾸기</translation>
    </message>
    <message>
        <source>Rename the class…</source>
        <translation>클래스 이름 바꾸기…</translation>
    </message>
    <message>
        <source>There is no other class to merge it into</source>
        <translation>합칠 다른 클래스가 없습니다</translation>
    </message>
</context>
<context>
    <name>MistakesWindow</name>
    <message>
        <source>Found wrongly</source>
        <translation>잘못 찾음</translation>
    </message>
    <message>
        <source>Missed</source>
        <translation>놓침</translation>
    </message>
    <message>
        <source>Mistakes</source>
        <translation>오류</translation>
    </message>
    <message>
        <source>Found, but the box does not fit</source>
        <translation>찾았지만 상자가 맞지 않음</translation>
    </message>
    <message>
        <source>Double-click an image to see its labels: sometimes a label is what is wrong. A box with a number was found, with this score; one without is a label.</source>
        <translation>이미지를 두 번 누르면 라벨이 보입니다. 틀린 것이 라벨일 때도 있습니다. 숫자가 있는 상자는 그 점수로 검출된 것이고, 숫자가 없는 상자는 라벨입니다.</translation>
    </message>
</context>
<context>
    <name>TrainingChart</name>
    <message>
        <source>Error while learning (falls)</source>
        <translation>학습 중 오차(내려감)</translation>
    </message>
    <message>
        <source>Precision on images it has not learned (rises)</source>
        <translation>배우지 않은 이미지에서의 정밀도(올라감)</translation>
    </message>
</context>
<context>
    <name>Verdict</name>
    <message>
        <source>Finds nothing that is not there.</source>
        <translation>없는 것을 찾지 않습니다.</translation>
    </message>
    <message numerus="yes">
        <source>Learned from %n image(s).</source>
        <translation>
            <numerusform>이미지 %n개에서 배웠습니다.</numerusform>
        </translation>
    </message>
    <message>
        <source>The images for judging show no object; label more images.</source>
        <translation>평가할 이미지에 객체가 없습니다. 이미지에 더 라벨을 붙이십시오.</translation>
    </message>
    <message numerus="yes">
        <source>Shows the same “{called}” twice %n time(s).</source>
        <translation>
            <numerusform>같은 “{called}”을(를) 두 번 표시한 경우: %n회.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Takes “{really}” for “{called}” %n time(s).</source>
        <translation>
            <numerusform>“{really}”을(를) “{called}”(으)로 본 경우: %n회.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n false alarm(s).</source>
        <translation>
            <numerusform>잘못 찾은 것 %n개.</numerusform>
        </translation>
    </message>
    <message>
        <source>Average precision at an overlap of 0.5: {figure} of 100.</source>
        <translation>겹침 0.5에서의 평균 정밀도: 100점 중 {figure}.</translation>
    </message>
    <message numerus="yes">
        <source>Finds {found} of {objects} objects in %n image(s) that it has not learned.</source>
        <translation>
            <numerusform>배우지 않은 이미지 %n개의 객체 {objects}개 중 {found}개를 찾습니다.</numerusform>
        </translation>
    </message>
    <message>
        <source>The model in use before: {figure} of 100.</source>
        <translation>전에 사용하던 모델: 100점 중 {figure}.</translation>
    </message>
    <message numerus="yes">
        <source>The model in use before: {found} found, %n false alarm(s).</source>
        <translation>
            <numerusform>전에 사용하던 모델: {found}개 찾음, 잘못 찾은 것 %n개.</numerusform>
        </translation>
    </message>
    <message>
        <source>These are few: label about {count} more images to know better.</source>
        <translation>이미지가 적습니다. 더 잘 알려면 {count}개 정도에 더 라벨을 붙이십시오.</translation>
    </message>
    <message>
        <source>To get better, label about {count} more images with “{name}”.</source>
        <translation>더 좋아지려면 “{name}”이(가) 있는 이미지 {count}개 정도에 더 라벨을 붙이십시오.</translation>
    </message>
    <message>
        <source>To get better, label about {count} more images without “{name}”.</source>
        <translation>더 좋아지려면 “{name}”이(가) 없는 이미지 {count}개 정도에 더 라벨을 붙이십시오.</translation>
    </message>
    <message>
        <source>With other images, very likely {low} to {high}.</source>
        <translation>다른 이미지라면 거의 틀림없이 {low}~{high}.</translation>
    </message>
    <message>
        <source>It is worse than the model in use before.</source>
        <translation>전에 쓰던 모델보다 못합니다.</translation>
    </message>
</context>
<context>
    <name>VersionsPanel</name>
    <message>
        <source>Back to the one before</source>
        <translation>이전 버전으로 되돌리기</translation>
    </message>
    <message>
        <source>Changing the model …</source>
        <translation>모델을 바꾸는 중…</translation>
    </message>
    <message>
        <source>Making the INT8 version, which takes minutes …</source>
        <translation>INT8 버전을 만드는 중이며 몇 분 걸립니다…</translation>
    </message>
    <message>
        <source>Model files (*.onnx)</source>
        <translation>모델 파일(*.onnx)</translation>
    </message>
    <message>
        <source>More</source>
        <translation>더 보기</translation>
    </message>
    <message>
        <source>No version is in use any more</source>
        <translation>사용 중인 버전이 더 이상 없습니다</translation>
    </message>
    <message>
        <source>Show the mistakes</source>
        <translation>오류 보기</translation>
    </message>
    <message>
        <source>The INT8 version is there, and is used where it is faster</source>
        <translation>INT8 버전이 생겼으며 더 빠른 곳에서 사용합니다</translation>
    </message>
    <message>
        <source>The file is written; open it on the other machine as a model</source>
        <translation>파일을 저장했습니다. 다른 컴퓨터에서 모델로 여십시오</translation>
    </message>
    <message>
        <source>Use it</source>
        <translation>사용하기</translation>
    </message>
    <message>
        <source>Version {number}</source>
        <translation>버전 {number}</translation>
    </message>
    <message>
        <source>Version {number} (in use)</source>
        <translation>버전 {number}(사용 중)</translation>
    </message>
    <message>
        <source>Versions</source>
        <translation>버전</translation>
    </message>
    <message>
        <source>Write it to a file for another machine…</source>
        <translation>다른 컴퓨터에서 쓸 파일로 저장…</translation>
    </message>
    <message>
        <source>Write the detector to a file</source>
        <translation>검출기를 파일로 저장</translation>
    </message>
    <message>
        <source>Writing …</source>
        <translation>저장하는 중…</translation>
    </message>
    <message>
        <source>Make it faster (INT8)</source>
        <translation>더 빠르게 만들기(INT8)</translation>
    </message>
    <message>
        <source>The command could not be started</source>
        <translation>명령을 시작할 수 없습니다</translation>
    </message>
    <message>
        <source>Version {number} is in use: see the video in the main window</source>
        <translation>버전 {number}을(를) 사용 중입니다. 주 창의 영상을 보십시오</translation>
    </message>
</context>
<context>
    <name>TeachHelp</name>
    <message>
        <source>Action</source>
        <translation>동작</translation>
    </message>
    <message>
        <source>Add images or a video, or frames from the main window (J).</source>
        <translation>이미지나 영상을 추가하거나 주 창의 프레임을 넣으십시오(J).</translation>
    </message>
    <message>
        <source>Ctrl + drag</source>
        <translation>Ctrl + 끌기</translation>
    </message>
    <message>
        <source>Draw a box around each object, in 20 images or more. Press Enter for the next.</source>
        <translation>이미지 20개 이상에서 각 객체 둘레에 상자를 그리십시오. Enter를 누르면 다음 이미지로 갑니다.</translation>
    </message>
    <message>
        <source>Keys</source>
        <translation>키</translation>
    </message>
    <message>
        <source>Press “Train”, and go on with something else: it takes minutes.</source>
        <translation>“학습”을 누르고 다른 일을 하십시오. 몇 분 걸립니다.</translation>
    </message>
    <message>
        <source>Read how good it is, look at the mistakes, and press “Use it”.</source>
        <translation>얼마나 좋은지 읽고 오류를 살펴본 뒤 “사용하기”를 누르십시오.</translation>
    </message>
    <message>
        <source>Tab, arrows</source>
        <translation>Tab, 화살표</translation>
    </message>
    <message>
        <source>Teach your own objects</source>
        <translation>자신의 객체 가르치기</translation>
    </message>
    <message>
        <source>Where it fails, press J in the main window, label that image, and train again.</source>
        <translation>실패하는 곳에서 주 창의 J를 누르고 그 이미지에 라벨을 붙인 뒤 다시 학습시키십시오.</translation>
    </message>
    <message>
        <source>all objects are labelled, also with the dashed boxes; next image</source>
        <translation>점선 상자를 포함해 모든 객체에 라벨이 있음. 다음 이미지</translation>
    </message>
    <message>
        <source>carries the boxes of the image before to where their objects are now</source>
        <translation>이전 이미지의 상자를 객체가 지금 있는 곳으로 옮깁니다</translation>
    </message>
    <message>
        <source>click</source>
        <translation>클릭</translation>
    </message>
    <message>
        <source>copies the boxes of the image before</source>
        <translation>이전 이미지의 상자를 복사합니다</translation>
    </message>
    <message>
        <source>deletes the image</source>
        <translation>이미지를 삭제합니다</translation>
    </message>
    <message>
        <source>deletes the selected box</source>
        <translation>선택한 상자를 삭제합니다</translation>
    </message>
    <message>
        <source>drag</source>
        <translation>끌기</translation>
    </message>
    <message>
        <source>draws a box, also inside one that is not selected</source>
        <translation>상자를 그립니다. 선택하지 않은 상자 안에서도 그립니다</translation>
    </message>
    <message>
        <source>draws inside the selected box</source>
        <translation>선택한 상자 안에 그립니다</translation>
    </message>
    <message>
        <source>follows the objects through the video, into the images after it</source>
        <translation>영상에서 객체를 따라가며 다음 이미지들로 상자를 옮깁니다</translation>
    </message>
    <message>
        <source>select the next box; move it, with Ctrl resize it</source>
        <translation>다음 상자를 선택합니다. 상자를 옮기고, Ctrl과 함께 크기를 바꿉니다</translation>
    </message>
    <message>
        <source>selects a box; then a drag moves or resizes it</source>
        <translation>상자를 선택합니다. 그다음 끌면 옮기거나 크기를 바꿉니다</translation>
    </message>
    <message>
        <source>the box is hard to see: it is learned, and not judged</source>
        <translation>보기 어려운 객체입니다. 학습에는 쓰고 평가에는 쓰지 않습니다</translation>
    </message>
    <message>
        <source>the class of the selected box, and of the next one</source>
        <translation>선택한 상자와 다음 상자의 클래스</translation>
    </message>
    <message>
        <source>the image is not labelled completely</source>
        <translation>이미지의 라벨이 아직 완전하지 않음</translation>
    </message>
    <message>
        <source>the model in use suggests boxes; they are dashed</source>
        <translation>사용 중인 모델이 상자를 제안합니다(점선)</translation>
    </message>
    <message>
        <source>the next image, the one before</source>
        <translation>다음 이미지, 이전 이미지</translation>
    </message>
    <message>
        <source>there is nothing to find in this image; next image</source>
        <translation>이 이미지에는 찾을 것이 없음. 다음 이미지</translation>
    </message>
    <message>
        <source>undo, redo</source>
        <translation>실행 취소, 다시 실행</translation>
    </message>
    <message>
        <source>wheel, Ctrl+0</source>
        <translation>휠, Ctrl+0</translation>
    </message>
    <message>
        <source>zoom, show the whole image</source>
        <translation>확대/축소, 전체 이미지 표시</translation>
    </message>
    <message>
        <source>use the chosen version; go back to the one before</source>
        <translation>선택한 버전을 사용합니다. 다시 누르면 이전 버전으로 돌아갑니다</translation>
    </message>
</context>
<context>
    <name>Carrying</name>
    <message>
        <source>Draw a box around each object first</source>
        <translation>먼저 각 객체 둘레에 상자를 그리십시오</translation>
    </message>
    <message>
        <source>Following the objects … (Shift+T stops)</source>
        <translation>객체를 따라가는 중… (Shift+T: 중지)</translation>
    </message>
    <message>
        <source>Following the objects: {done} of {count} images (Shift+T stops)</source>
        <translation>객체를 따라가는 중: 이미지 {count}개 중 {done}개 (Shift+T: 중지)</translation>
    </message>
    <message>
        <source>No box was carried: the objects were not found again, or no image without labels follows in the same video</source>
        <translation>옮긴 상자가 없습니다. 객체를 다시 찾지 못했거나 같은 영상에 라벨 없는 다음 이미지가 없습니다</translation>
    </message>
    <message numerus="yes">
        <source>Carried boxes into %n image(s).</source>
        <translation>
            <numerusform>이미지 %n개로 상자를 옮겼습니다.</numerusform>
        </translation>
    </message>
    <message>
        <source>Go on with D, correct what is wrong, and press Enter. After a correction, Shift+T carries on from there.</source>
        <translation>D로 넘어가며 틀린 것을 바로잡고 Enter를 누르십시오. 바로잡은 뒤 Shift+T를 누르면 거기서부터 다시 따라갑니다.</translation>
    </message>
</context>
<context>
    <name>SoundControl</name>
    <message>
        <source>Volume</source>
        <translation>음량</translation>
    </message>
</context>
<context>
    <name>CameraButton</name>
    <message>
        <source>Rest the pointer here to see what the camera sees</source>
        <translation>포인터를 여기에 두면 카메라에 보이는 것이 나타납니다</translation>
    </message>
</context>
</TS>
